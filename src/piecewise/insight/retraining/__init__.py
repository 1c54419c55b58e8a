"""Trains many small nets in parallel, and estimates the time this takes."""
