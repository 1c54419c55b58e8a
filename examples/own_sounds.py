"""Train a net on your own sounds: a folder with a subfolder for each class.

python examples/own_sounds.py [FOLDER]

Without a folder, tones that rise or fall are made and used.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

import piecewise as pw


def make_folder(folder: Path) -> Path:
    """Tones of half a second as WAV files, with a little noise."""
    random, time = np.random.default_rng(0), np.arange(4_000) / 8_000
    for number in range(420):
        name, bend = (("rising", 900), ("falling", -900))[number % 2]
        tone = np.sin(2 * np.pi * (random.uniform(600, 800) + bend * (time - 0.25)) * time)
        (folder / name).mkdir(exist_ok=True)
        samples = 0.5 * tone + 0.02 * random.standard_normal(len(time))
        soundfile.write(folder / name / f"{number}.wav", samples, 8_000)
    return folder


with TemporaryDirectory() as temporary:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else make_folder(Path(temporary))
    data = pw.read_data(folder)
    print(f"each sound becomes {data.preprocessor.description}")
    result = pw.run_training(pw.plan_training(data, effort="quick", epochs=3))
    for measured_on, scores in result.scores.items():
        print(f"{measured_on}: {scores.accuracy:.1%} of {scores.n}, macro-F1 {scores.macro_f1:.3f}")
    file = sorted(folder.rglob("*.wav"))[0]
    probabilities = result.net.probabilities(result.net.read_inputs(file))[0]
    for name, probability in zip(result.net.classes, probabilities, strict=True):
        print(f"{file.relative_to(folder)}: {name} {probability:.1%}")
