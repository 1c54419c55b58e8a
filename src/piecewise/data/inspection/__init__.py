"""Data inspection: class counts, duplicates, label conflicts, leaks between splits, and groups."""
