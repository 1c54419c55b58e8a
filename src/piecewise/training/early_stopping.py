"""Early stopping: end training when validation no longer improves, and restore the best epoch."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.array_types import Float32
from ..core.progress import Epoch
from ..network import Network


@dataclass
class BestEpoch:
    """The epoch with the best validation so far, and the network's state at its end."""

    epoch: Epoch
    parameters: Float32
    running_stats: Float32


@dataclass
class EarlyStopping:
    """Stops after ``patience`` epochs without a better validation accuracy; 0 never stops.

    Of two epochs with the same accuracy, the one with the lower validation loss is better.
    """

    patience: int
    best: BestEpoch | None = None

    def is_better(self, epoch: Epoch) -> bool:
        """Whether ``epoch`` is better than all before it; False without patience or validation."""
        if not self.patience or epoch.validation_accuracy is None:
            return False
        return self.best is None or _score(epoch) > _score(self.best.epoch)

    def update(self, epoch: Epoch, net: Network) -> None:
        """Copy the network's state if ``epoch`` is the best one so far."""
        if self.is_better(epoch):
            parameters, running_stats = net.parameters.flat, net.running_stats.flat
            self.best = BestEpoch(epoch, parameters.copy(), running_stats.copy())

    def should_stop(self, epochs: int) -> bool:
        """Whether the best of ``epochs`` epochs is ``patience`` epochs or more ago."""
        if not self.patience or self.best is None:
            return False
        return epochs - self.best.epoch.epoch >= self.patience

    def restore_best(self, net: Network) -> None:
        """Give the network the state of the best epoch, if one was recorded."""
        if self.best:
            net.parameters.flat[:] = self.best.parameters
            net.running_stats.flat[:] = self.best.running_stats


def _score(epoch: Epoch) -> tuple[float, float]:
    """The validation accuracy, then the negative validation loss: higher is better."""
    assert epoch.validation_accuracy is not None
    assert epoch.validation_loss is not None
    return epoch.validation_accuracy, -epoch.validation_loss
