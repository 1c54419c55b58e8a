"""A classifier that can be used as any other scikit-learn estimator."""
