"""Learning: recipes, the trainer, scores, and the choices made when none are given."""
