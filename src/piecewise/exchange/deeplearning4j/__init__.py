"""Deeplearning4j: `.h5` files in the dialect of Keras 2, which its model import reads."""
