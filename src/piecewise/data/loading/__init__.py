"""Reads and preprocesses the files of a data set in parallel, and caches the result."""
