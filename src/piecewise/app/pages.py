"""The files of the page: from a list made at the start, never from a path in a request."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from pathlib import Path

from starlette.responses import Response

from .security import POLICY

_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html",
          ".json": "application/json", ".svg": "image/svg+xml"}  # fmt: skip
IMPORTS = {"imports": {"piecewise/": "/modules/", "app/": "/app/"}}
"""The import map of the page."""
_MARK = "<!-- import map -->"


class Pages:
    """The files of the page by their paths, read once."""

    def __init__(self) -> None:
        own = Path(str(files(__package__) / "static"))
        shared = Path(str(files("piecewise.page") / "modules"))
        self._files: dict[str, tuple[bytes, str]] = {}
        for base, folder in (("/app/", own), ("/modules/", shared)):
            for file in sorted(folder.rglob("*")):
                if file.suffix in _TYPES and file.is_file():
                    path = base + file.relative_to(folder).as_posix()
                    self._files[path] = (file.read_bytes(), _TYPES[file.suffix])
        imports = json.dumps(IMPORTS, sort_keys=True)
        digest = base64.b64encode(hashlib.sha256(imports.encode()).digest()).decode()
        self._policy = POLICY.replace("{import_map}", f"sha256-{digest}")
        html = self._files["/app/index.html"][0].decode()
        script = f'<script type="importmap">{imports}</script>'
        self._files["/"] = (html.replace(_MARK, script).encode(), "text/html")

    @property
    def paths(self) -> list[str]:
        """The paths that there are."""
        return list(self._files)

    def response(self, path: str) -> Response:
        """The file of a path, which is in `paths`."""
        content, kind = self._files[path]
        headers = {"content-security-policy": self._policy, "cache-control": "no-cache"}
        return Response(content, media_type=kind, headers=headers)
