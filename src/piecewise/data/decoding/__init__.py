"""Decoder processes: files are read and prepared outside of the process that predicts."""
