"""Audio: decoding files, spectrograms, and preprocessing into the input of a network."""
