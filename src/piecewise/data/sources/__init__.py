"""Finds the examples, labels and splits of a folder, .zip, .npz or .csv data set."""
