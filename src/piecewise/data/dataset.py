"""Data set: examples with their labels, classes and splits, and `read_data`, which loads one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from reprlib import repr as short
from typing import Any

import numpy as np

from ..core.array_types import Array, Float32, Int64, Labels, Strings
from ..core.errors import DataError, LimitError, shown
from ..core.progress import OnProgress
from ..spec.class_numbers import class_numbers
from ..spec.layer_base import PADDING
from .loading.loader import DatasetLoader, PreparedExamples
from .loading.prepared_cache import CachedDataset, load_or_prepare
from .loading.read_options import check_fitted, fit_options
from .loading.source_notes import source_description, source_warnings
from .loading.subset import RowsOf, select_rows
from .modalities import MODALITIES
from .preprocessing import Preprocessor
from .sources.class_order import checked_names, class_order, known_classes, label_numbers
from .sources.discovery import RawDataset, discover
from .sources.groups import GroupSuggestion, assign_groups, suggest_groups
from .sources.split_names import SPLITS
from .sources.table_columns import TableOptions
from .text.preprocessor import TextPreprocessor


@dataclass
class Dataset:
    """Labelled examples, ready for a network.

    Parameters
    ----------
    inputs : array (N, ...)
        Images as uint8 (N, C, H, W); sounds as spectrograms, uint8 (N, 1, bands, steps); texts as
        int64 token numbers (N, positions).
    labels : int64 array (N,)
        Class numbers: indices into ``classes``. Class names are converted to them.
    classes : tuple of str
        The class names.
    splits : str array (N,)
        The split of each example: "train", "validation" or "test".
    preprocessor : Preprocessor
        How files become inputs.
    skipped : list of str
        One message for each file or record that could not be read.
    groups : str array (N,), optional
        Who drew, said or wrote each example. A split keeps the examples of a group together.
    names : sequence of str
        The file name or line of each example.
    group_suggestions : sequence of GroupSuggestion
        Groups that the names, or columns of the file, suggest.
    sizes : float32 array (N, 2), optional
        The size of each example before preprocessing, NaN if unknown; see `Preprocessor.size`.
    cache_error : str, optional
        Why the prepared inputs could not be cached, if they could not.
    cut_count : int
        The number of texts that are longer than the preprocessor reads.
    unknown_classes : dict of str to int
        The classes that were left out by ``skip_unknown_classes``, with their numbers of examples.
    source_description : str
        How the file was understood: its encoding, columns or arrays.
    source_warnings : list of str
        What may be wrong with the file.
    texts : sequence of str, optional
        The original texts, if the inputs are texts.
    recordings : int64 array (N,), optional
        The number of the recording that each input comes from, if long sounds were cut into several
        inputs; see `AudioPreprocessor.windows`. A split keeps a recording together.

    Raises
    ------
    DataError
        If the arrays differ in length, or a label or split is not valid.

    Examples
    --------
    >>> import piecewise as pw
    >>> xo = pw.make_xo(4, size=12)
    >>> data = pw.Dataset(xo.inputs, xo.labels, xo.classes, ["train"] * 3 + ["test"],
    ...                   xo.preprocessor)
    >>> inputs, labels = data.subset("train")
    >>> inputs.shape, labels.tolist()
    ((3, 1, 12, 12), [0, 1, 0])
    """

    inputs: Array
    labels: Labels
    classes: tuple[str, ...]
    splits: Strings
    preprocessor: Preprocessor
    skipped: list[str] = field(default_factory=list)
    groups: Strings | None = None
    names: Sequence[str] = ()
    group_suggestions: Sequence[GroupSuggestion] = ()
    sizes: Float32 | None = None
    cache_error: str | None = None
    cut_count: int = 0
    unknown_classes: dict[str, int] = field(default_factory=dict)
    source_description: str = ""
    source_warnings: list[str] = field(default_factory=list)
    texts: Sequence[str] | None = None
    recordings: Int64 | None = None

    def __post_init__(self) -> None:
        self.labels, self.splits = np.asarray(self.labels), np.asarray(self.splits)
        self._check_values()
        counts = len(self.inputs), len(self.labels), len(self.splits)
        if len(set(counts)) > 1:
            got = "{} inputs, {} labels and {} splits".format(*counts)
            raise DataError(f"data set: got {got}, wanted equally many")
        for what, values in (("groups", self.groups), ("texts", self.texts)):
            if values is not None and len(values) != len(self):
                got = f"{len(values)} {what} for {len(self)} inputs"
                raise DataError(f"data set: got {got}, wanted one for each input")

    def _check_values(self) -> None:
        if not isinstance(self.preprocessor, Preprocessor):
            raise DataError(f"data set: got {shown(self.preprocessor)}, wanted a Preprocessor")
        if self.labels.dtype.kind in "OU" and self.labels.ndim == 1:
            self.labels = class_numbers(self.classes, self.labels)
        labels, last = self.labels, len(self.classes) - 1
        if labels.ndim != 1 or self.splits.ndim != 1:
            raise DataError("data set: labels and splits need one value for each example")
        if labels.dtype.kind not in "iu" or (
            len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) <= last
        ):
            raise DataError(f"data set: labels need to be class numbers, integers from 0 to {last}")
        unknown = sorted(set(self.splits.tolist()) - set(SPLITS.values()))
        if unknown:
            raise DataError(
                f"data set: got the split {shown(unknown[0])}, wanted train, validation or test"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        counts = {name: int((self.splits == name).sum()) for name in SPLITS.values()}
        splits = {name: count for name, count in counts.items() if count}
        classes = short(list(self.classes))
        return f"Dataset(inputs={self.inputs.shape}, classes={classes}, splits={splits})"

    def subset(self, name: str) -> tuple[Array, Labels]:
        """The inputs and labels of one split.

        Parameters
        ----------
        name : str
            "train", "validation" or "test".

        Returns
        -------
        inputs : array (n, ...)
        labels : int64 array (n,)
            Both are empty if no example has this split.

        Raises
        ------
        DataError
            If there is no split of this name.
        """
        if not isinstance(name, str) or name not in SPLITS.values():
            wanted = "wanted train, validation or test"
            split = SPLITS.get(name.lower()) if isinstance(name, str) else None
            near = f"; did you mean '{split}'?" if split else ""
            raise DataError(f"split: got {shown(name)}, {wanted}{near}")
        selected = self.splits == name
        return select_rows(self.inputs, selected), self.labels[selected]


def read_data(
    path: str | os.PathLike[str],
    preprocessor: Preprocessor | None = None,
    *,
    classes: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    most: int | None = None,
    resize: str | None = None,
    framing: str = "auto",
    text_length: int | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    encoding: str | None = None,
    groups: str | None = None,
    on_progress: OnProgress | None = None,
    every_class: bool = False,
    skip_unknown_classes: bool = False,
    cache: str | os.PathLike[str] | None = None,
) -> Dataset:
    r"""Read a data set of images, sounds or texts.

    Parameters
    ----------
    path : path
        A folder with one folder per class, a `.zip` of one, an `.npz` of images, or a `.csv`,
        `.tsv` or `.jsonl` table of texts.
    preprocessor : Preprocessor, optional
        That of a trained network. By default, one is fitted to the examples outside the test
        split.
    classes : sequence of str, optional
        The class names in the order of the class numbers, for example those of a trained network.
    size : (int, int), optional
        Rows and columns of the images. By default, the median size.
    most : int, optional
        The largest side of the default size, in pixels. By default 32 for drawings, 64 for photos.
    resize : {"pad", "crop", "stretch"}, optional
        How images with another aspect ratio are resized; see `ImagePreprocessor`. By default "pad".
    framing : {"auto", "ink", "canvas"}
        How drawings are scaled to the size of the input: "ink" crops and centres the ink; "canvas"
        scales the whole image, so that the place and size of the ink are kept; "auto" chooses
        "canvas" if place and size distinguish the classes of the training images.
    text_length : int, optional
        The number of words or letters that are read of each text. By default, as many as 95 % of
        the texts have, within limits.
    text_column, label_column, split_column : str, optional
        The columns of a table, by their names or their numbers from 1. By default, columns with
        common names.
    encoding : str, optional
        The encoding of a table, such as "cp1251". By default UTF-8, UTF-16 with a byte order mark,
        or cp1252 for texts in other Western European encodings.
    groups : str, optional
        The column, or the pattern of file names, that names who made each example.
    on_progress : callable, optional
        Called with a `Progress` after each example.
    every_class : bool
        Accept classes that occur only in the test split, and labels that look like quantities, as
        `inspect_data` does.
    skip_unknown_classes : bool
        Leave out the examples whose class is not one of ``classes``, and count them; an error
        otherwise.
    cache : path, optional
        A folder for the prepared inputs. When the same files are read again with the same options,
        the inputs are memory-mapped from this folder, read-only, and no file is decoded.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the data cannot be read, or an option does not apply to them.
    LimitError
        If an option is outside its limits.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import piecewise as pw
    >>> path = Path(tempfile.mkdtemp()) / "words.csv"
    >>> _ = path.write_text("text,label\nhello there,yes\nno way,no\n")
    >>> data = pw.read_data(path)
    >>> data.classes, data.labels.tolist(), data.preprocessor.modality
    (('no', 'yes'), [1, 0], 'texts')
    """
    if not os.fspath(path):
        raise DataError("data: got an empty path, wanted that of a folder or a file")
    path = Path(path)
    raw = discover(path, TableOptions(text_column, label_column, split_column, encoding))
    _check_raw(raw, path, preprocessor, accepts_quantities=every_class or classes is not None)
    group_names = None if groups is None else np.array(assign_groups(raw, groups, path))
    loader = DatasetLoader(raw, path, on_progress)
    values = {
        "size": size, "most": most, "resize": resize, "framing": framing,
        "text_length": text_length,
    }  # fmt: skip
    options = fit_options(path, raw.modality, values, preprocessor)
    prepared = _prepare(loader, preprocessor, options, cache)
    wanted = _known_classes(classes, skip_others=skip_unknown_classes)
    (inputs, indices, skipped), unknown = _of_classes(raw, prepared.examples, wanted, path)
    labels, splits = [raw.labels[index] for index in indices.tolist()], raw.splits[indices]
    learned = np.full(len(splits), "train") if every_class else splits
    order = class_order(raw, labels, learned, path) if classes is None else classes
    names = checked_names(order, path)
    return Dataset(
        inputs,
        label_numbers(raw, labels, names, path),
        names,
        splits,
        prepared.preprocessor,
        raw.skipped + [message for _, message in skipped],
        None if group_names is None else group_names[indices],
        [raw.names[index] for index in indices.tolist()],
        [one._replace(groups=one.groups[indices]) for one in suggest_groups(raw, path)],
        loader.sizes[indices],
        prepared.cache_error,
        _cut_count(raw, prepared),
        unknown,
        source_description(raw, indices),
        source_warnings(raw, prepared.preprocessor, options),
        _texts(raw, indices),
        indices if len(np.unique(indices)) < len(indices) else None,
    )


def _check_raw(
    raw: RawDataset, path: Path, preprocessor: Preprocessor | None, *, accepts_quantities: bool
) -> None:
    """Refuse labels that look like quantities, and inputs of another kind than the net reads."""
    if raw.label_error and not accepts_quantities:
        raise DataError(f"{path}: {raw.label_error}")
    if preprocessor is not None and preprocessor.modality != raw.modality:
        raise DataError(f"{path}: got {raw.modality}, wanted {preprocessor.modality} for this net")


def _known_classes(classes: Sequence[str] | None, *, skip_others: bool) -> Sequence[str] | None:
    """The only classes whose examples are kept; None to keep all."""
    if skip_others and classes is None:
        raise LimitError("`skip_unknown_classes`: got True without `classes`, the known ones")
    return classes if skip_others else None


def _of_classes(
    raw: RawDataset, examples: PreparedExamples, classes: Sequence[str] | None, path: Path
) -> tuple[PreparedExamples, dict[str, int]]:
    """The examples of these classes, or all, and the number of the others by their class."""
    if classes is None:
        return examples, {}
    inputs, indices, skipped = examples
    is_known, unknown = known_classes(raw, indices, classes, path)
    return PreparedExamples(select_rows(inputs, is_known), indices[is_known], skipped), unknown


def _texts(raw: RawDataset, indices: Int64) -> Sequence[str] | None:
    """The texts of the examples that could be read; None for other kinds of data."""
    if raw.modality != "texts" or isinstance(raw.examples, np.ndarray):
        return None
    return RowsOf(raw.examples, indices)


def as_dataset(
    data: Dataset | str | os.PathLike[str],
    on_progress: OnProgress | None = None,
    preprocessor: Preprocessor | None = None,
) -> Dataset:
    """A data set unchanged, or read from its path with the defaults of `read_data`; DataError."""
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        return read_data(data, preprocessor, on_progress=on_progress)
    raise DataError(f"data: got {shown(data)}, wanted a data set from read_data, or its path")


def _prepare(
    loader: DatasetLoader,
    preprocessor: Preprocessor | None,
    options: dict[str, Any],
    cache: str | os.PathLike[str] | None,
) -> CachedDataset:
    """The prepared examples, from the cache if they are there."""
    fit = partial(MODALITIES[loader.raw.modality].fit_preprocessor, **options)

    def get_preprocessor() -> Preprocessor:
        if preprocessor is not None:
            return preprocessor
        fitted = loader.fit_preprocessor(fit)
        check_fitted(loader.path, fitted, options)
        return fitted

    if cache is None:
        fitted = get_preprocessor()
        return CachedDataset(fitted, loader.prepare(fitted))
    of_net = preprocessor and preprocessor.to_json()
    return load_or_prepare(
        Path(cache), loader, get_preprocessor, {"preprocessor": of_net, **options}
    )


def _cut_count(raw: RawDataset, prepared: CachedDataset) -> int:
    """The number of texts that are longer than what is read of them; they fill every position."""
    preprocessor = prepared.preprocessor
    if not isinstance(preprocessor, TextPreprocessor):
        return 0
    inputs, indices, _ = prepared.examples
    full = indices[inputs[:, -1] != PADDING]
    return sum(preprocessor.is_cut(raw.examples[index]) for index in full.tolist())
