"""Exchange with other toolkits: export a network to their formats, and import networks from them.

An exporter turns a `SavedModel` into files (`exporter.py` says what each one offers); an importer
reads a file into a `SavedModel` by adding its layers to a `ChainBuilder`. Readers are strict: they
know a list of layer kinds, check sizes before they allocate memory, and open no other file.
"""
