"""Sources: where a data set can lie, and how its examples, labels and splits are listed."""
