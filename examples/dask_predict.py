"""Predict the images in a folder with Dask, in several processes or on several machines:

    python dask_predict.py net.safetensors FOLDER PREDICTIONS

It writes a JSON Lines file for each 1,000 images. Needs Dask: pip install 'dask[bag]'
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dask.bag

import piecewise as pw


def predict(files: list[str], net_file: str) -> list[str]:
    """A JSON object for each file of a partition."""
    answers = pw.load(net_file).predict(files)
    pairs = zip(files, answers, strict=True)
    return [json.dumps({"input": file, "predicted": answer}) for file, answer in pairs]


if __name__ == "__main__":
    net_file, folder, output = sys.argv[1:]
    files = sorted(map(str, Path(folder).rglob("*.png")))
    bag = dask.bag.from_sequence(files, partition_size=1_000)
    bag.map_partitions(predict, net_file).to_textfiles(f"{output}/*.jsonl")
