"""Sounds: from files to samples, and from samples to the deck's picture of a sound."""
