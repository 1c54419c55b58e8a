"""Shows what a net gets wrong: confusion matrix, mistakes and an error table."""
