"""Hyperparameter search: try layers and recipes, and keep what is best on held-out examples."""
