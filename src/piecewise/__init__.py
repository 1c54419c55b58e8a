"""piecewise: ConvNets that show every number behind every decision.

Teach a ConvNet your own pictures, sounds and texts on an ordinary computer, walk from pixels to
votes to learning, and carry the trained net in one file that holds no code. Names load when they
are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    from .compiled import CompiledNetwork as CompiledNetwork
    from .data.dataset import DataSet as DataSet
    from .data.dataset import read_data as read_data
    from .data.inspection.report import report as report
    from .data.pictures.preparation import PicturePreparation as PicturePreparation
    from .data.preparation import Preparation as Preparation
    from .data.sounds.preparation import SoundPreparation as SoundPreparation
    from .data.texts.preparation import TextPreparation as TextPreparation
    from .data.xo import draw as draw
    from .errors import DataError as DataError
    from .errors import LimitError as LimitError
    from .errors import ModelFileError as ModelFileError
    from .errors import NotationError as NotationError
    from .errors import NotFittedError as NotFittedError
    from .errors import PiecewiseError as PiecewiseError
    from .errors import RunError as RunError
    from .errors import ShapeError as ShapeError
    from .errors import TrainingError as TrainingError
    from .estimator import ConvNetClassifier as ConvNetClassifier
    from .insight.culprits import culprits as culprits
    from .insight.error_table import error_table as error_table
    from .insight.explanation import Explanation as Explanation
    from .insight.explanation import explain as explain
    from .insight.features import looks_for as looks_for
    from .insight.film import Film as Film
    from .insight.mattered import what_mattered as what_mattered
    from .insight.mistakes import mistakes as mistakes
    from .insight.nudge_curve import nudge_curve as nudge_curve
    from .insight.spreadsheet import spreadsheet as spreadsheet
    from .insight.teaching_tricks import teach_tricks as teach_tricks
    from .insight.tricks_lab import picture_curves as picture_curves
    from .insight.tricks_lab import set_curves as set_curves
    from .insight.wrong_labels import suspects as suspects
    from .learning.live import Live as Live
    from .learning.recipe import Recipe as Recipe
    from .learning.scores import Scores as Scores
    from .learning.scores import evaluate as evaluate
    from .learning.shuffling import shuffle_test as shuffle_test
    from .learning.teaching import lesson as lesson
    from .learning.teaching import teach as teach
    from .learning.trainer import train as train
    from .network import Network as Network
    from .network import load as load
    from .page.explain import explain_page as explain_page
    from .progress import OnProgress as OnProgress
    from .progress import Progress as Progress
    from .tricks import Augmentation as Augmentation

_HOMES = {
    "Augmentation": "tricks",
    "CompiledNetwork": "compiled",
    "ConvNetClassifier": "estimator",
    "DataError": "errors",
    "DataSet": "data.dataset",
    "Explanation": "insight.explanation",
    "Film": "insight.film",
    "LimitError": "errors",
    "Live": "learning.live",
    "ModelFileError": "errors",
    "Network": "network",
    "NotFittedError": "errors",
    "NotationError": "errors",
    "OnProgress": "progress",
    "PicturePreparation": "data.pictures.preparation",
    "PiecewiseError": "errors",
    "Preparation": "data.preparation",
    "Progress": "progress",
    "Recipe": "learning.recipe",
    "RunError": "errors",
    "Scores": "learning.scores",
    "ShapeError": "errors",
    "SoundPreparation": "data.sounds.preparation",
    "TextPreparation": "data.texts.preparation",
    "TrainingError": "errors",
    "culprits": "insight.culprits",
    "draw": "data.xo",
    "error_table": "insight.error_table",
    "evaluate": "learning.scores",
    "explain": "insight.explanation",
    "explain_page": "page.explain",
    "lesson": "learning.teaching",
    "load": "network",
    "looks_for": "insight.features",
    "mistakes": "insight.mistakes",
    "nudge_curve": "insight.nudge_curve",
    "picture_curves": "insight.tricks_lab",
    "read_data": "data.dataset",
    "report": "data.inspection.report",
    "set_curves": "insight.tricks_lab",
    "shuffle_test": "learning.shuffling",
    "spreadsheet": "insight.spreadsheet",
    "suspects": "insight.wrong_labels",
    "teach": "learning.teaching",
    "teach_tricks": "insight.teaching_tricks",
    "train": "learning.trainer",
    "what_mattered": "insight.mattered",
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
