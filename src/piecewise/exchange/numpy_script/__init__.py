"""NumPy: a script that needs nothing else, and its arrays."""
