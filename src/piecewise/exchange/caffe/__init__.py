"""Caffe (Berkeley): a text with the layers, and a binary file with layers and parameters."""
