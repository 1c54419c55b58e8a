"""Explanations of nets, predictions and training data."""
