"""Images: decoding files, and preprocessing pixels into the input of a network."""
