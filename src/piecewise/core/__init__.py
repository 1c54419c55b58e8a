"""Code that all other packages use: errors, argument checks, random numbers, atomic file writes."""
