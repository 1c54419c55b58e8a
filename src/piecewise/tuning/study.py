"""Optuna studies: the storage of the trials, and the sampler that chooses the next one."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from socket import gethostname
from typing import Any

import optuna
from optuna.pruners import MedianPruner
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import IntegrityError, OperationalError

from ..core.errors import DataError, shown
from ..data.file_bytes import open_regular_file
from .sampler import NumberedSampler
from .storage_url import without_password

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_DATA, _DEFAULT, _RUNNER = "piecewise data", "piecewise default", "piecewise process"
_ATTEMPTS, _SECONDS_BETWEEN = 20, 0.2
"""How often a study is opened before its error is one."""
_BUSY_SECONDS = 60
"""Seconds to wait for a database that another process writes."""
_LONGEST_LINE = 1 << 16
"""Bytes of the first line of a journal, at most."""


def open_study(storage: str, name: str, data_sha256: str) -> optuna.Study:
    """The study of this name, a new one if there is none.

    Parameters
    ----------
    storage : str
        The file of an SQLite database, a journal file (``.log``), or the URL of a database.
    name : str
        Its name in the storage.
    data_sha256 : str
        What the trials are about. DataError if an older study is about something else.
    """
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        study = _created(storage, name)
        known = study.user_attrs.get(_DATA)
        if known is None:
            study.set_user_attr(_DATA, data_sha256)
    except Exception as error:  # each database has errors of its own
        where = without_password(storage)
        raise DataError(f"{where}: cannot be used for a study: {_first_line(error)}") from None
    if known not in (None, data_sha256):
        raise DataError(
            f"{without_password(storage)}: the study {shown(name)} is about other data or options; "
            "choose another name with --study, or another file"
        )
    return study


def _created(storage: str, name: str) -> optuna.Study:
    """The study. If several processes make the tables of a database at the same time, all but one
    of them fail and try again."""
    if "://" not in storage and not Path(storage).absolute().parent.is_dir():
        raise DataError("there is no such folder")
    for attempt in range(_ATTEMPTS):
        try:
            return optuna.create_study(
                storage=_storage(storage), study_name=name, direction="minimize",
                load_if_exists=True, pruner=MedianPruner(n_startup_trials=5),
            )  # fmt: skip
        except (IntegrityError, OperationalError):
            if attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(_SECONDS_BETWEEN)
    raise AssertionError


def next_trial(study: optuna.Study, seed: int, defaults: Sequence[dict[str, Any]]) -> optuna.Trial:
    """The next trial to run; the trials of the defaults come first. One process that asks again and
    again gets the same trials for the same seed."""
    runner = [gethostname(), os.getpid()]
    known = {one.user_attrs.get(_DEFAULT) for one in _claims(study)}
    for number, values in enumerate(defaults):
        if number not in known:
            study.enqueue_trial(values, {_DEFAULT: number, _RUNNER: runner})
    study.sampler = NumberedSampler(seed)
    while True:
        trial = study.ask()
        trial.set_user_attr(_RUNNER, runner)
        if not _is_second(study, trial):
            return trial
        study.tell(trial, state=TrialState.FAIL)


def _claims(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that are finished, or run, or will."""
    return [trial for trial in study.get_trials(deepcopy=False)
            if trial.state in (*FINISHED, TrialState.WAITING) or _is_running(trial)]  # fmt: skip


def _is_second(study: optuna.Study, trial: optuna.Trial) -> bool:
    """Whether a trial before this one has the same default: processes that look at the same time
    all add it, and the storage numbers their trials one after another."""
    default = trial.user_attrs.get(_DEFAULT)
    return default is not None and any(
        one.number < trial.number and one.user_attrs.get(_DEFAULT) == default
        for one in _claims(study)
    )


def _is_running(trial: FrozenTrial) -> bool:
    """Whether a process works on a trial, as far as this machine knows: not if it was killed."""
    host, process = trial.user_attrs.get(_RUNNER, ("", 0))
    if trial.state is not TrialState.RUNNING or not process:
        return False
    if host != gethostname() or os.name == "nt":  # Windows has no signal that only asks
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that were trained to their end or pruned."""
    return study.get_trials(deepcopy=False, states=FINISHED)


def _storage(storage: str) -> BaseStorage:
    if "://" in storage:
        return RDBStorage(storage)
    path = Path(storage)
    if path.suffix == ".log":
        _check_journal(path)
        return JournalStorage(JournalFileBackend(str(path)))
    arguments = {"connect_args": {"timeout": _BUSY_SECONDS}}
    return RDBStorage(f"sqlite:///{path}", arguments)


def _check_journal(path: Path) -> None:
    """DataError if a file is there that is not a journal: trials would be appended to it."""
    if not path.exists():
        return
    with open_regular_file(path) as file:
        line = file.readline(_LONGEST_LINE)
    try:
        is_journal = not line or "op_code" in json.loads(line)
    except (ValueError, TypeError, RecursionError):
        is_journal = False
    if not is_journal:
        raise DataError("the file is not a journal of trials; choose another name")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
