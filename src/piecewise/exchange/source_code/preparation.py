"""Scripts that prepare inputs outside of piecewise, and code that uses them.

Formats whose files take prepared inputs have ``prepare.py`` beside them for pictures and sounds,
and ``tokenizer.py`` for texts. Their functions are those of piecewise (see `Standalone`), so they
give the same bytes.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ...data.audio.preprocessor import AudioPreprocessor
from ...data.images.preprocessor import ImagePreprocessor
from ...data.preprocessing import Preprocessor
from ...data.text.preprocessor import TextPreprocessor
from ...storage.model_file import SavedModel
from ..exporter import Files
from .sentences import input_sentence, random_inputs
from .standalone import Standalone
from .templates import template
from .tokenizer import tokenizer_files

SCRIPT = "prepare.py"


class InputCode(NamedTuple):
    """Python code that makes the array ``inputs`` for a net. Each import ends with a line break."""

    numpy: str
    """The import of NumPy, if the lines need it."""
    imports: str
    """The import of the script beside the net."""
    lines: str
    note: str
    """Sentences about it."""


def preparation_files(model: SavedModel) -> Files:
    """The files that make inputs of pictures, sounds or texts; none for a net of other arrays."""
    preprocessor = model.preprocessor
    if isinstance(preprocessor, TextPreprocessor):
        return tokenizer_files(preprocessor)
    if not reads_files(model):
        return {}
    return {SCRIPT: _script(preprocessor).encode()}


def reads_files(model: SavedModel) -> bool:
    """Whether the inputs of a net can be made of files or texts."""
    preprocessor = model.preprocessor
    if isinstance(preprocessor, TextPreprocessor):
        return True
    if model.architecture.reads_texts:
        return False
    return preprocessor.shape[0] in (1, 3)


def input_code(model: SavedModel) -> InputCode:
    """The code that makes ``inputs``, uint8 (1, C, H, W) or tokens (1, positions), of a file or a
    text; random ones for a net of other arrays."""
    preprocessor = model.preprocessor
    if not reads_files(model):
        lines = f"inputs = {random_inputs(model)}  # yours"
        return InputCode("import numpy as np\n", "", lines, input_sentence(model))
    if isinstance(preprocessor, TextPreprocessor):
        words = model.architecture.input.height
        lines = 'inputs = np.array([tokenize("your text")], np.int64)'
        if not model.architecture.reads_texts:
            pixels = f"(inputs[:, None, None] == np.arange({words})[:, None])"
            lines += f"\ninputs = {pixels}.astype(np.uint8)"
        note = "`tokenizer.py` turns a text into the numbers of its tokens; it needs Python alone."
        return InputCode("import numpy as np\n", "from tokenizer import tokenize\n", lines, note)
    file = "sound.wav" if isinstance(preprocessor, AudioPreprocessor) else "photo.jpg"
    lines, imports = f'inputs = prepare("{file}")', "from prepare import prepare\n"
    return InputCode("", imports, lines, preparation_note(preprocessor))


def raw_code(model: SavedModel, name: str) -> InputCode:
    """The code that makes raw inputs of the name ``name``, for a net that prepares them itself:
    pixels (1, rows, columns, channels), samples (1, n) or tokens (1, positions)."""
    code, preprocessor = input_code(model), model.preprocessor
    if not code.imports or isinstance(preprocessor, TextPreprocessor):
        tokens = code.lines.splitlines()[0].replace("inputs", name, 1)
        return code._replace(lines=tokens)
    is_sound = isinstance(preprocessor, AudioPreprocessor)
    file = "sound.wav" if is_sound else "photo.jpg"
    lines = f'{name} = prepare.{name}("{file}")[None]'
    note = _sample_rules(preprocessor) if is_sound else _pixel_rules(preprocessor)
    return InputCode("", "import prepare\n", lines, note)


def _pixel_rules(preprocessor: Preprocessor) -> str:
    """How pixels are made of picture files, in words."""
    assert isinstance(preprocessor, ImagePreprocessor)
    levels = preprocessor.level_range
    backdrop = preprocessor.backdrop or "white, or on black if it cannot be seen on white"
    scaled = f"from {levels[0]:g} to {levels[1]:g} " if levels else "by their depth "
    return (
        "`prepare.py` reads pixels as piecewise does it, and needs Pillow. Without it, pixels are "
        "bytes (N, rows, columns, 1 or 3) of pictures of any size: turn a photo as its EXIF "
        f"orientation says, put a transparent picture on {backdrop}, and scale more than 8 bits "
        f"{scaled}to 0 to 255. Decoders of JPEG differ a little from each other."
    )


def _sample_rules(preprocessor: Preprocessor) -> str:
    """How samples are made of sound files, in words."""
    assert isinstance(preprocessor, AudioPreprocessor)
    return (
        "`prepare.py` reads samples as piecewise does it, and needs soundfile, and soxr for other "
        f"rates. Without it, samples are float32 (N, n) at {preprocessor.rate:,} Hz. The net "
        "divides samples beyond 1 by the largest, and rounds to 16 bits. The mean of several "
        "channels is taken before, or the loudest channel if they cancel each other. To the net, a "
        "sound without samples or with NaN is silence; piecewise and `prepare.py` refuse it."
    )


def preparation_note(preprocessor: Preprocessor) -> str:
    """What prepare.py does, and what not."""
    if isinstance(preprocessor, AudioPreprocessor):
        seconds = preprocessor.frames * preprocessor.hop / preprocessor.rate
        return (
            "`prepare.py` prepares a sound as piecewise does it, and needs soundfile, and soxr for "
            f"other rates than {preprocessor.rate:,} Hz. Of a sound that is much longer than "
            f"{seconds:.1f} s, `prepare` takes the loudest part; `piecewise predict` gives the "
            "mean of the logits of all parts, which are `windows(file)`."
        )
    return (
        "`prepare.py` prepares a picture as piecewise does it, and needs Pillow: it turns photos "
        "upright, puts transparent pictures on a background, and takes pictures of more than 8 "
        "bits. Save HEIC photos as JPEG first."
    )


@cache
def _script(preprocessor: Preprocessor) -> str:
    """The text of prepare.py."""
    is_sound = isinstance(preprocessor, AudioPreprocessor)
    modality, methods = (
        ("sounds", ["transform", "windows"]) if is_sound else ("pictures", ["transform"])
    )
    needed = ["import sys", *([] if is_sound else ["from PIL import ImageOps"])]
    parts = Standalone(("DataError", "check_container"), needed)
    if is_sound:
        where = "data.audio"
        parts.add(f"{where}.decoding", "_decoded", "_sequential_file")
    else:
        where = "data.images"
        parts.add(f"{where}.decoding", "_decoded")
    code = parts.methods(f"{where}.preprocessor", type(preprocessor).__name__, *methods)
    source = template(__package__, f"{modality}.py.txt").substitute(
        description=preprocessor.description,
        imports=parts.imports,
        definitions=parts.definitions,
        settings="\n".join(f"    {name} = {value!r}" for name, value in _settings(preprocessor)),
        methods=code,
    )
    return source.replace("\n\n\n\n", "\n\n\n")


def _settings(preprocessor: Preprocessor) -> list[tuple[str, object]]:
    values = preprocessor.to_json()
    return [
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in values.items()
        if name != "modality"
    ]
