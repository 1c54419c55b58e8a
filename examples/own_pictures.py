"""Train a net on your own pictures: a folder with a subfolder for each class.

python examples/own_pictures.py [FOLDER]

Without a folder, drawings of X and O are made and used.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import piecewise as pw


def make_folder(folder: Path) -> Path:
    """Drawings of X and O as PNG files."""
    drawn = pw.make_xo(480, size=12, seed=0)
    for number, (picture, label) in enumerate(zip(drawn.inputs, drawn.labels, strict=True)):
        file = folder / "XO"[label] / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(picture[0]).save(file)
    return folder


with TemporaryDirectory() as temporary:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else make_folder(Path(temporary))
    data = pw.read_data(folder)
    result = pw.run_training(pw.plan_training(data, effort="quick"))
    for measured_on, scores in result.scores.items():
        low, high = scores.interval
        print(f"{measured_on}: {scores.accuracy:.1%} of {scores.n} ({low:.1%} to {high:.1%})")
    file = sorted(folder.rglob("*.png"))[0]
    picture = result.net.read_inputs(file)
    print(f"{file.relative_to(folder)}: {result.net.predict(picture)[0]}")
    result.net.save(Path(temporary) / "net.safetensors")  # load it with pw.load
