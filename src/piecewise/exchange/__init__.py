"""Exchange with other toolkits: export a network to their formats, and import networks from them.

`export_model.py` and `import_model.py` are the two ways through this package, and `registry.py`
lists the formats. An exporter turns a `SavedModel` into files (`exporter.py`); an importer adds the
layers of a file to a `ChainBuilder` (`chain.py`); a runner runs exported files in their toolkit
(`runner.py`). Each format has a folder with its exporter and importer. Beside them are `formats`
(readers and writers of file formats), `source_code` (what exporters of source code share),
`runners` and `passport` (the comparison of toolkits with piecewise).

Readers are strict: they know a list of layer kinds, check sizes before they allocate memory, and
open no other file.
"""
