"""Data sets: reading, preprocessing that is saved with the net, inspection, the X/O data set."""
