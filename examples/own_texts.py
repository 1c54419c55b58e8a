"""Train a net on your own texts: a CSV file with the columns text and label.

python examples/own_texts.py [FILE]

Without a file, short reviews are made up and used.
"""

import csv
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import piecewise as pw

WORDS = {"good": ("great", "lovely", "warm", "funny"), "bad": ("dull", "awful", "cold", "noisy")}


def make_file(file: Path) -> Path:
    """Six hundred sentences about films, books and hotels."""
    random = Random(0)  # noqa: S311 - not for secrets
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(["text", "label"])
        for number in range(600):
            label = ("good", "bad")[number % 2]
            thing, when = random.choice(["film", "book", "room"]), random.randint(1, 500)
            table.writerow([f"the {thing} was {random.choice(WORDS[label])}, day {when}", label])
    return file


with TemporaryDirectory() as temporary:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else make_file(Path(temporary) / "reviews.csv")
    result = pw.run_training(pw.plan_training(pw.read_data(file), effort="quick"))
    net = result.net
    for measured_on, scores in result.scores.items():
        print(f"{measured_on}: {scores.accuracy:.1%} of {scores.n}")
    for text in ("the film was dull, day 3", "a lovely room"):
        inputs = net.preprocess(text)
        print(f"{text!r}: {net.predict(inputs)[0]} ({net.probabilities(inputs)[0].max():.1%})")
