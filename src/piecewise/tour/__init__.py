"""The deck as a walk: its facts computed, and the chapters that show them."""
