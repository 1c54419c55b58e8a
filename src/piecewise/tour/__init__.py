"""A tour through the deck in the terminal: its numbers, computed anew, and its chapters."""
