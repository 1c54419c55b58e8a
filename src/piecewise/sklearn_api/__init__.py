"""sklearn_api."""
