"""Training: recipe, training loop, evaluation and default hyperparameters."""
