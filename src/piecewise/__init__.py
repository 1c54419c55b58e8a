"""piecewise: ConvNets that show every number behind every decision.

Train a ConvNet on your own images, sounds and texts, inspect every activation and gradient, and
save the net in one file that contains no code. Names are loaded on first use, so that importing the
package is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .core.version import __version__

if TYPE_CHECKING:
    from .compiled import CompiledNetwork as CompiledNetwork
    from .core.errors import CheckpointError as CheckpointError
    from .core.errors import DataError as DataError
    from .core.errors import LimitError as LimitError
    from .core.errors import ModelFileError as ModelFileError
    from .core.errors import NotationError as NotationError
    from .core.errors import NotFittedError as NotFittedError
    from .core.errors import PiecewiseError as PiecewiseError
    from .core.errors import ShapeError as ShapeError
    from .core.errors import TrainingError as TrainingError
    from .core.progress import OnProgress as OnProgress
    from .core.progress import Progress as Progress
    from .data.audio.preprocessor import AudioPreprocessor as AudioPreprocessor
    from .data.dataset import Dataset as Dataset
    from .data.dataset import read_data as read_data
    from .data.images.preprocessor import ImagePreprocessor as ImagePreprocessor
    from .data.inspection.report import inspect_data as inspect_data
    from .data.preprocessing import Preprocessor as Preprocessor
    from .data.text.preprocessor import TextPreprocessor as TextPreprocessor
    from .data.xo import make_xo as make_xo
    from .display.progress_bar import ProgressBar as ProgressBar
    from .insight.attribution.patches import top_patches as top_patches
    from .insight.attribution.saliency import attributions as attributions
    from .insight.data_quality.influence import influential_examples as influential_examples
    from .insight.data_quality.label_issues import find_label_issues as find_label_issues
    from .insight.dynamics.kernel_history import KernelHistory as KernelHistory
    from .insight.dynamics.nudge_curve import nudge_curve as nudge_curve
    from .insight.evaluation.error_table import error_table as error_table
    from .insight.evaluation.mistakes import mistakes as mistakes
    from .insight.explanation import Explanation as Explanation
    from .insight.explanation import explain as explain
    from .insight.robustness.augmentation_training import (
        train_with_augmentation as train_with_augmentation,
    )
    from .insight.robustness.curves import dataset_robustness as dataset_robustness
    from .insight.robustness.curves import example_robustness as example_robustness
    from .insight.spreadsheet import export_spreadsheet as export_spreadsheet
    from .network import Network as Network
    from .network import import_net as import_net
    from .network import load as load
    from .page.explain import explain_html as explain_html
    from .sklearn_api.classifier import ConvNetClassifier as ConvNetClassifier
    from .spec.augmentation import Augmentation as Augmentation
    from .training.evaluation import evaluate as evaluate
    from .training.experiment import choose_by_trial as choose_by_trial
    from .training.experiment import run_training as run_training
    from .training.live_trainer import LiveTrainer as LiveTrainer
    from .training.metrics import Scores as Scores
    from .training.plan import plan_training as plan_training
    from .training.recipe import Recipe as Recipe
    from .training.shuffle_test import shuffle_test as shuffle_test
    from .training.train import train as train
    from .tuning.tune import tune as tune

_HOMES = {
    "Augmentation": "spec.augmentation",
    "CompiledNetwork": "compiled",
    "ConvNetClassifier": "sklearn_api.classifier",
    "DataError": "core.errors",
    "Dataset": "data.dataset",
    "Explanation": "insight.explanation",
    "KernelHistory": "insight.dynamics.kernel_history",
    "LimitError": "core.errors",
    "LiveTrainer": "training.live_trainer",
    "ModelFileError": "core.errors",
    "Network": "network",
    "NotFittedError": "core.errors",
    "NotationError": "core.errors",
    "OnProgress": "core.progress",
    "ImagePreprocessor": "data.images.preprocessor",
    "PiecewiseError": "core.errors",
    "Preprocessor": "data.preprocessing",
    "Progress": "core.progress",
    "ProgressBar": "display.progress_bar",
    "Recipe": "training.recipe",
    "CheckpointError": "core.errors",
    "Scores": "training.metrics",
    "ShapeError": "core.errors",
    "AudioPreprocessor": "data.audio.preprocessor",
    "TextPreprocessor": "data.text.preprocessor",
    "TrainingError": "core.errors",
    "import_net": "network",
    "influential_examples": "insight.data_quality.influence",
    "make_xo": "data.xo",
    "choose_by_trial": "training.experiment",
    "error_table": "insight.evaluation.error_table",
    "evaluate": "training.evaluation",
    "explain": "insight.explanation",
    "explain_html": "page.explain",
    "plan_training": "training.plan",
    "load": "network",
    "top_patches": "insight.attribution.patches",
    "mistakes": "insight.evaluation.mistakes",
    "nudge_curve": "insight.dynamics.nudge_curve",
    "example_robustness": "insight.robustness.curves",
    "read_data": "data.dataset",
    "inspect_data": "data.inspection.report",
    "dataset_robustness": "insight.robustness.curves",
    "shuffle_test": "training.shuffle_test",
    "export_spreadsheet": "insight.spreadsheet",
    "find_label_issues": "insight.data_quality.label_issues",
    "run_training": "training.experiment",
    "train_with_augmentation": "insight.robustness.augmentation_training",
    "train": "training.train",
    "tune": "tuning.tune",
    "attributions": "insight.attribution.saliency",
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
