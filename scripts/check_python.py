"""Says plainly when the Python that would be used is too old or too new."""

import sys

FROM, BELOW = (3, 11), (3, 14)

if not FROM <= sys.version_info[:2] < BELOW:
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(
        f"piecewise: got Python {found}, wanted 3.11, 3.12 or 3.13; try: make PYTHON=python3.12 ..."
    )
try:
    import ensurepip  # noqa: F401
    import venv  # noqa: F401
except ImportError:
    sys.exit("piecewise: this Python cannot make environments; install its venv package first")
