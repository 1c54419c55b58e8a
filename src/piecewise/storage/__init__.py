"""Files that are written atomically and contain no code."""
