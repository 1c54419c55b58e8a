"""PyTorch: a module as source code that reads the model file, and parameters from state dicts."""
