"""The scikit-learn API: a classifier that follows its conventions."""
