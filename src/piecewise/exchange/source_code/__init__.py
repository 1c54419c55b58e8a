"""Parts of exporters that write source code: Python code, templates, and sentences about a net."""
