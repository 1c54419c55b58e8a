"""Finds wrong labels and harmful examples in the training data."""
