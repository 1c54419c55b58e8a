"""The learner of the place Learn: the drawings of the project, and the nets of the lessons.

They are pinned when the place is first opened. What is drawn or taught afterwards is offered, and
taken when the learner asks for it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from ..core.errors import PiecewiseError
from ..lessons.deck_quantities import Deck
from ..lessons.learner import Learner, generated_learner, project_learner
from ..lessons.partner import Partner, generated_partner, seat_partner
from ..lessons.quantities import Context
from ..lessons.question_pools import POOLS
from ..lessons.questions import CheckQuestion
from ..lessons.seat_swap import SeatSwap
from ..network import Network
from .failures import ConflictError
from .learn_log import LOG, LearnLog
from .listing import PARTS
from .partner_file import PartnerFile
from .project import Project
from .project_files import OWN
from .teaching import LEAST, Teacher

MOST_SAMPLES = 1_000
"""Samples of a project that are read for the lessons; of more, generated drawings are shown."""
MODALITY = {"pictures": "picture", "sounds": "sound", "texts": "text"}
"""The word of the lesson files for the kind of a project."""


@dataclass
class PinnedLearner:
    """A learner, and what is computed for it once.

    Attributes
    ----------
    learner : Learner
    why_generated : str
        Empty for own drawings or sounds; else "few", "many", "photos" or "kind".
    modality : str
        What the lessons show: picture, sound or text.
    data_sha256 : str
        The samples of the project when the learner was pinned.
    """

    learner: Learner
    why_generated: str
    modality: str
    data_sha256: str
    deck: Deck = field(default_factory=Deck)
    _pools: dict[str, list[CheckQuestion]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def pool(self, check: str) -> list[CheckQuestion]:
        """The questions of a check."""
        with self._lock:
            if check not in self._pools:
                self._pools[check] = list(POOLS[check](self.learner))
            return self._pools[check]


class LearnState:
    """The lessons of a project: who learns, and what was answered."""

    def __init__(self, project: Project, teacher: Teacher) -> None:
        self._project, self._teacher = project, teacher
        self._lock = Lock()
        self._pinned: PinnedLearner | None = None
        self._context: Context | None = None
        self._partner = PartnerFile(project.root / OWN / "partner")
        self.log = LearnLog(project.root / OWN / LOG)

    def pinned(self) -> PinnedLearner:
        """The learner, who is made at the first call."""
        with self._lock:
            return self._known()

    def _known(self) -> PinnedLearner:
        if self._pinned is None:
            self._pinned = self._make()
        return self._pinned

    def renew(self) -> PinnedLearner:
        """Make the learner of the drawings and the net that there are now."""
        with self._lock:
            self._pinned, self._context = self._make(), None
            return self._pinned

    def context(self) -> Context:
        """What the lessons compute with: the learner, the deck and the partner."""
        with self._lock:
            if self._context is None:
                pinned = self._known()
                self._context = Context(pinned.learner, pinned.deck, self._partner_of(pinned))
            return self._context

    def swap(self) -> SeatSwap:
        """The learner and the partner."""
        return self.context().swap

    def bring_partner(self, content: Path, seat: str) -> None:
        """Take an archive as that of the partner. DataError if it cannot be one; ConflictError if
        the learner has no own drawings."""
        pinned = self.pinned()
        if pinned.why_generated:
            raise ConflictError("partner: your nets learned from generated drawings; draw first")
        seat_partner(pinned.learner, content, seat)
        with self._lock:
            self._partner.keep(content, seat)
            self._context = None

    def leave_partner(self) -> None:
        """Have a generated partner again."""
        with self._lock:
            self._partner.remove()
            self._context = None

    def _partner_of(self, pinned: PinnedLearner) -> Partner:
        """The partner whose archive is kept; a generated one if there is none, or if it does not
        fit the learner's samples any longer."""
        path = self._partner.path
        if path is not None and not pinned.why_generated:
            with suppress(PiecewiseError):
                return seat_partner(pinned.learner, path, path.stem)
        return generated_partner(pinned.learner)

    def is_outdated(self, pinned: PinnedLearner) -> bool:
        """Whether there are other drawings, or another net."""
        net = self._own_net()
        has_newer = net is not None and net is not pinned.learner.own_net
        return has_newer or pinned.data_sha256 != self._project.data_sha256()

    def _make(self) -> PinnedLearner:
        digest, net = self._project.data_sha256(), self._own_net()
        why, learner = self._why_generated(), generated_learner(own_net=net)
        if not why:
            try:
                learner = project_learner(self._project.root, net)
                is_own = learner.name == str(self._project.root)
                why = "" if is_own else "kind" if self._project.kind == "texts" else "photos"
            except PiecewiseError:  # pictures that cannot be read
                why = "few"
        modality = "picture" if why else MODALITY[self._project.kind]
        return PinnedLearner(learner, why, modality, digest)

    def _why_generated(self) -> str:
        """Why the drawings of the project cannot be those of the lessons; empty if they can."""
        counts = [one.train for one in self._project.classes()]
        if sum(count >= LEAST for count in counts) < 2:
            return "few"
        count = sum(len(self._project.labelled(part)[0]) for part in PARTS)
        return "many" if count > MOST_SAMPLES else ""

    def _own_net(self) -> Network | None:
        """The net that answers, if it reads what the lessons can show."""
        net = self._teacher.net
        return net if net is not None and net.preprocessor.modality != "texts" else None
