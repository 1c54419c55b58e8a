"""C: a source file without dependencies, for microcontrollers among others."""
