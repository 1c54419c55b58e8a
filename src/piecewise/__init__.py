"""piecewise: ConvNets that show every number behind every decision.

Teach a ConvNet your own pictures, sounds and texts on an ordinary computer, walk from pixels to
votes to learning, and carry the trained net in one file that holds no code. Names load when they
are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .core.version import __version__

if TYPE_CHECKING:
    from .compiled import CompiledNetwork as CompiledNetwork
    from .data.dataset import DataSet as DataSet
    from .data.dataset import read_data as read_data
    from .data.inspection.report import report as report
    from .data.images.preprocessor import PicturePreparation as PicturePreparation
    from .data.preprocessing import Preparation as Preparation
    from .data.audio.preprocessor import SoundPreparation as SoundPreparation
    from .data.text.preprocessor import TextPreparation as TextPreparation
    from .data.xo import draw as draw
    from .core.errors import DataError as DataError
    from .core.errors import LimitError as LimitError
    from .core.errors import ModelFileError as ModelFileError
    from .core.errors import NotationError as NotationError
    from .core.errors import NotFittedError as NotFittedError
    from .core.errors import PiecewiseError as PiecewiseError
    from .core.errors import RunError as RunError
    from .core.errors import ShapeError as ShapeError
    from .core.errors import TrainingError as TrainingError
    from .sklearn_api.classifier import ConvNetClassifier as ConvNetClassifier
    from .insight.data_quality.influence import culprits as culprits
    from .insight.data_quality.error_table import error_table as error_table
    from .insight.explanation import Explanation as Explanation
    from .insight.explanation import explain as explain
    from .insight.attribution.patches import looks_for as looks_for
    from .insight.dynamics.kernel_history import Film as Film
    from .insight.attribution.saliency import what_mattered as what_mattered
    from .insight.data_quality.mistakes import mistakes as mistakes
    from .insight.dynamics.nudge_curve import nudge_curve as nudge_curve
    from .insight.spreadsheet import spreadsheet as spreadsheet
    from .insight.robustness.augmentation_training import teach_tricks as teach_tricks
    from .insight.robustness.curves import picture_curves as picture_curves
    from .insight.robustness.curves import set_curves as set_curves
    from .insight.data_quality.label_issues import suspects as suspects
    from .training.background import Live as Live
    from .training.recipe import Recipe as Recipe
    from .training.metrics import Scores as Scores
    from .training.metrics import evaluate as evaluate
    from .training.shuffle_test import shuffle_test as shuffle_test
    from .training.experiment import lesson as lesson
    from .training.experiment import teach as teach
    from .training.train import train as train
    from .network import Network as Network
    from .network import load as load
    from .page.explain import explain_page as explain_page
    from .core.progress import OnProgress as OnProgress
    from .core.progress import Progress as Progress
    from .spec.augmentation import Augmentation as Augmentation

_HOMES = {
    "Augmentation": "spec.augmentation",
    "CompiledNetwork": "compiled",
    "ConvNetClassifier": "sklearn_api.classifier",
    "DataError": "core.errors",
    "DataSet": "data.dataset",
    "Explanation": "insight.explanation",
    "Film": "insight.dynamics.kernel_history",
    "LimitError": "core.errors",
    "Live": "training.background",
    "ModelFileError": "core.errors",
    "Network": "network",
    "NotFittedError": "core.errors",
    "NotationError": "core.errors",
    "OnProgress": "core.progress",
    "PicturePreparation": "data.images.preprocessor",
    "PiecewiseError": "core.errors",
    "Preparation": "data.preprocessing",
    "Progress": "core.progress",
    "Recipe": "training.recipe",
    "RunError": "core.errors",
    "Scores": "training.metrics",
    "ShapeError": "core.errors",
    "SoundPreparation": "data.audio.preprocessor",
    "TextPreparation": "data.text.preprocessor",
    "TrainingError": "core.errors",
    "culprits": "insight.data_quality.influence",
    "draw": "data.xo",
    "error_table": "insight.data_quality.error_table",
    "evaluate": "training.metrics",
    "explain": "insight.explanation",
    "explain_page": "page.explain",
    "lesson": "training.experiment",
    "load": "network",
    "looks_for": "insight.attribution.patches",
    "mistakes": "insight.data_quality.mistakes",
    "nudge_curve": "insight.dynamics.nudge_curve",
    "picture_curves": "insight.robustness.curves",
    "read_data": "data.dataset",
    "report": "data.inspection.report",
    "set_curves": "insight.robustness.curves",
    "shuffle_test": "training.shuffle_test",
    "spreadsheet": "insight.spreadsheet",
    "suspects": "insight.data_quality.label_issues",
    "teach": "training.experiment",
    "teach_tricks": "insight.robustness.augmentation_training",
    "train": "training.train",
    "what_mattered": "insight.attribution.saliency",
}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'piecewise' has no attribute '{name}'")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
