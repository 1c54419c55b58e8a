"""Kinds of files that are not supported, each with advice on how to convert it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_KINDS = (
    (".m4a .aac .wma .amr .3gp .caf .mka .ac3 .ape .mid .midi", "convert them to WAV or FLAC"),
    (".mp4 .mov .avi .mkv .webm .mpg .mpeg .m4v .wmv .flv",
     "videos are not read: save frames as pictures, or the sound as WAV"),
    (".xlsx .xls .xlsm .xlsb .ods .numbers", "save the table as CSV, in Excel as CSV UTF-8"),
    (".parquet .feather .arrow .orc",
     "save the table as CSV, with pandas: pandas.read_parquet(...).to_csv('a.csv', index=False)"),
    (".sqlite .sqlite3 .db", "save the table as CSV"),
    (".json .ndjson", "save the table as JSON lines (.jsonl), one object on each line"),
    (".tab .psv .dat .data", "if it is a table of texts or pixels, rename it to .csv"),
    (".pdf .doc .docx .odt .rtf .html .htm .xml .md .epub", "save the text as .txt"),
    (".svg .psd .ai .eps .xcf .dng .cr2 .cr3 .nef .arw .dcm .nii .exr .jp2 .jxl .ico",
     "save them as PNG"),
    (".npy .mat .h5 .hdf5 .tfrecord .tfrecords .pkl .pickle .p",
     "save the arrays as .npz with 'images' and 'labels'"),
    (".rar .7z .tar .gz .tgz .bz2 .xz .zst", "unpack them first, or pack them as .zip"),
)  # fmt: skip
_ADVICE = {suffix: advice for suffixes, advice in _KINDS for suffix in suffixes.split()}


def advice_for(suffix: str) -> str:
    """What to do with a file of this suffix; empty if nothing is known."""
    return _ADVICE.get(suffix.lower(), "")


def describe_others(names: Sequence[str], than: str = "") -> str:
    """Files of other kinds in one clause: how many, the first name, and what to do with them."""
    suffixes = Counter(_suffix(name) for name in names)
    advice = next((_ADVICE[one] for one, _ in suffixes.most_common() if one in _ADVICE), "")
    count = f"{len(names):,} file{'s' if len(names) > 1 else ''} of other kinds{than}"
    first = f"such as {names[0]}" if len(names) > 1 else names[0]
    return f"{count}, {first}{'; ' * bool(advice)}{advice}"


def _suffix(name: str) -> str:
    stem, _, kind = name.rpartition(".")
    return f".{kind.lower()}" if stem else ""
