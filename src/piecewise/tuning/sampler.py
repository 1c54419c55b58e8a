"""The sampler of a study: what it suggests follows from the seed, the trial's number and the trials
that are finished."""

from __future__ import annotations

import warnings
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from ..core.rng import TUNING, derive_key

_STARTUP = 10
"""Trials that are drawn at random, before earlier ones guide the next."""


class NumberedSampler(BaseSampler):
    """Optuna's TPE sampler, with a seed of its own for each trial: processes that share a study get
    different trials, and a process that starts again gets those that come next.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._inner = seed, self._for_trial(seed, 0)

    @staticmethod
    def _for_trial(seed: int, number: int) -> TPESampler:
        key = int(derive_key(seed, TUNING, number).low)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # experimental parts of Optuna
            return TPESampler(n_startup_trials=_STARTUP, group=True, multivariate=True,
                              warn_independent_sampling=False, seed=key)  # fmt: skip

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """A trial begins."""
        self._inner = self._for_trial(self._seed, trial.number)
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The values that are chosen together."""
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Choose these values."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Choose another value."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)
