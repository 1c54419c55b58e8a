"""Predict the images in a folder with Spark, on many machines:

    spark-submit spark_predict.py NET FOLDER PREDICTIONS

It writes Parquet files with the columns path and predicted. Needs PySpark, pandas and pyarrow, and
NET at the same path on every worker.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from functools import partial

import pandas as pd
from PIL import Image

import piecewise as pw


def predict_frames(frames: Iterator[pd.DataFrame], net_file: str) -> Iterator[pd.DataFrame]:
    """For ``mapInPandas``: frames with the columns path and content to frames with path and
    predicted. The net is loaded once for each partition."""
    net = pw.load(net_file)
    for frame in frames:
        images = [Image.open(io.BytesIO(content)) for content in frame["content"]]
        yield pd.DataFrame({"path": frame["path"], "predicted": net.predict(images)})


if __name__ == "__main__":
    from pyspark.sql import SparkSession

    net_file, folder, output = sys.argv[1:]
    spark = SparkSession.builder.getOrCreate()
    options = {"pathGlobFilter": "*.png", "recursiveFileLookup": "true"}
    files = spark.read.format("binaryFile").options(**options).load(folder)
    predict = partial(predict_frames, net_file=net_file)
    predicted = files.select("path", "content").mapInPandas(
        predict, "path string, predicted string"
    )
    predicted.write.parquet(output)
