"""Text: decoding files, tokenization, and preprocessing into the input of a network."""
