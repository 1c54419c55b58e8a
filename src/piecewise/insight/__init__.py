"""Explains nets, single predictions and training data."""
