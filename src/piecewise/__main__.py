"""`python -m piecewise` is the command line."""

from .cli import run

run()
