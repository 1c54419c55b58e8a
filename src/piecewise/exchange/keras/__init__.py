"""Keras and TensorFlow: `.keras` files out, and `.keras` and `.h5` files in."""
