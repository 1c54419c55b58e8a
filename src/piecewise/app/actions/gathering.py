"""Actions that fill a project: imports, examples, samples for the test, and samples that are nearly
the same."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from ...core.progress import OnProgress, Progress
from ...data.inspection.duplicates import DuplicatePairs
from ...data.inspection.report import inspect_data
from ...data.sources.folders import list_files
from ...lessons.seats import seat_names
from ..examples import EXAMPLES, add_example
from ..failures import ConflictError
from ..fields import PART, TEXT, RequestField, Values, WholeKind, WordKind
from ..imports import ImportReport, import_data, import_files, import_table, import_tree
from ..packs import open_pack
from ..routes import FILE, AppRoute
from ..session import Session

MOST_PAIRS = 200
"""Pairs that are listed."""
_DROPPED = "what was dropped"


class GatheringActions:
    """The actions that bring many samples at once, or look at all of them."""

    def __init__(self, session: Session) -> None:
        self._session, self._project = session, session.project

    def take_in(self, values: Values) -> Values:
        """Import data in one of three forms. An archive holds class folders; with ``seat``, they
        are those of a seat. A table holds texts. A pack of files holds class folders or, with
        ``folder``, files of that class. The answer says what was left out."""
        content: Path = values["content"]
        kind, folder, part = (values.get(one) for one in ("kind", "folder", "part"))

        def work(report: OnProgress) -> ImportReport:
            if kind == "archive":
                seats = seat_names([values["seat"]]) if "seat" in values else [""]
                return import_data(self._project, content, report, *seats)
            if kind == "table":
                return self._table(content, values["name"], report)
            root = open_pack(content)
            if folder:
                return import_files(self._project, folder, str(part), root, report)
            return import_tree(self._project, root, list_files(root), _DROPPED, report)

        done = self._session.importing.run(work, values["key"])
        self._session.report(changed=True)
        return done._asdict()

    def stop_import(self, values: Values) -> Values:
        """Stop the running import. With ``key``, an import that is still being uploaded under this
        key is stopped, too. A stopped import changes nothing."""
        self._session.importing.stop(values["key"])
        return {}

    def add_example(self, values: Values) -> Values:
        """Add the samples of an example to an empty project."""
        if self._project.fixed_kind is not None:
            raise ConflictError("example: the project has samples already")
        add_example(self._project, values["name"])
        return self._session.report(changed=True)

    def share_for_test(self, values: Values) -> Values:
        """Keep a share of the samples for the test, in percent, of one class or of every class;
        the others are for learning."""
        folders = [one.folder for one in self._project.classes()]
        if "folder" in values:
            folders = [values["folder"]]
        targets: dict[str, list[str]] = {"test": [], "train": []}
        for folder in folders:
            ids = [one for part in targets for one in self._project.ids(part, folder)]
            order = sorted(ids, key=lambda one: sha256(one.partition("/")[2].encode()).digest())
            wanted = round(len(ids) * values["percent"] / 100)
            targets["test"] += [one for one in order[:wanted] if one.startswith("train/")]
            targets["train"] += [one for one in order[wanted:] if one.startswith("test/")]
        for part, ids in targets.items():
            if ids:
                self._project.move(ids, None, part)
        return self._session.report(changed=True)

    def alike(self, values: Values) -> Values:
        """Begin to look for samples that are the same, or nearly; a job."""

        def work(on_progress: OnProgress) -> Values:
            on_progress(Progress("reading", 0, 1))
            data = self._session.teacher.samples.dataset()
            on_progress(Progress("comparing", 0, 1))
            report = inspect_data(data)
            return {
                "compared": len(data),
                "same": _listed(report.exact, data.names),
                "near": _listed(report.near, data.names),
                "findings": [one.message for one in report.findings],
            }

        return {"job": self._session.jobs.start("alike", work)}

    def _table(self, content: Path, name: str, report: OnProgress) -> ImportReport:
        """Import a table; the end of its name says how it is read."""
        suffix = Path(name).suffix.lower()
        link = content.with_name(f"{content.stem}{suffix}")
        if link == content:
            return import_table(self._project, content, name, report)
        link.hardlink_to(content)
        try:
            return import_table(self._project, link, name, report)
        finally:
            link.unlink()


def _listed(pairs: DuplicatePairs, names: object) -> Values:
    """The ids of pairs, and how many there are."""
    return {
        "count": len(pairs.pairs),
        "pairs": [[names[one], names[other]] for one, other in pairs.pairs[:MOST_PAIRS].tolist()],  # type: ignore[index]
    }


_KEY = RequestField("key", TEXT, "")
_IMPORT = (
    RequestField("kind", WordKind("archive", "table", "files"), "archive"),
    RequestField("name", TEXT, "table.csv"), RequestField("folder", TEXT),
    RequestField("part", PART, "train"), RequestField("seat", TEXT), _KEY,
)  # fmt: skip
_EXAMPLE = (RequestField("name", WordKind(*EXAMPLES), required=True),)
_SHARE = (
    RequestField("percent", WholeKind(0, 90), required=True), RequestField("folder", TEXT),
)  # fmt: skip
ROUTES = (
    AppRoute("POST", "/api/import", GatheringActions.take_in, _IMPORT, FILE),
    AppRoute("DELETE", "/api/import", GatheringActions.stop_import, (_KEY,)),
    AppRoute("POST", "/api/examples", GatheringActions.add_example, _EXAMPLE),
    AppRoute("POST", "/api/share", GatheringActions.share_for_test, _SHARE),
    AppRoute("POST", "/api/alike", GatheringActions.alike),
)
"""The routes of these actions."""
