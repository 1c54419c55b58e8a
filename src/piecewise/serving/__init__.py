"""The prediction server: nets answer other programs over HTTP."""
