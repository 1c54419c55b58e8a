"""`python -m piecewise` is the command line."""

from .cli.main import run

run()
