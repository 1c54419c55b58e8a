"""The files of the page: from a list made at the start, never from a path in a request.

Their addresses hold a hash of all of them. A browser that has them does not ask for them again, and
a page never has modules of two versions.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from starlette.responses import Response

from .security import POLICY

_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html",
          ".json": "application/json", ".svg": "image/svg+xml"}  # fmt: skip
FOLDERS = {"piecewise": "modules", "app": "app"}
"""How the modules of a folder begin in the addresses, by how they begin where one imports another:
the import map of the page."""
START = ("app/app.js", "app/places/look.js")
"""What the page runs until it is ready, if it is opened with no other place."""
_MARK = "<!-- import map and modules -->"
_MODULE = re.compile(r'^(?:import |\} from |.* from )"([^"]+)";', re.MULTILINE)
_STYLE = re.compile(r'^@import "/([^"]+)"(?: layer\((\w+)\))?;', re.MULTILINE)
_KEPT = "max-age=31536000, immutable"


class Pages:
    """The files of the page by their addresses, read once."""

    def __init__(self) -> None:
        sources = _sources()
        joined = "".join(f"{path}\0{content}\0" for path, content in sources.items())
        self._root = f"/{hashlib.sha256(joined.encode()).hexdigest()[:16]}/"
        self._files: dict[str, tuple[bytes, str]] = {}
        for path, content in sources.items():
            if path.endswith(".css"):
                content = _with_imports(content, sources)
            self._files[self._root + path] = (content.encode(), _TYPES[Path(path).suffix])
        imports = {f"{name}/": f"{self._root}{folder}/" for name, folder in FOLDERS.items()}
        import_map = json.dumps({"imports": imports})
        digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
        self._policy = POLICY.replace("{import_map}", f"sha256-{digest}")
        head = [f'<script type="importmap">{import_map}</script>']
        head += [f'<link rel="modulepreload" href="{self._root}{_path(name)}" />'
                 for name in needed(START, sources)]  # fmt: skip
        html = sources["app/index.html"].replace('"/app/', f'"{self._root}app/')
        self._files["/"] = (html.replace(_MARK, "\n    ".join(head)).encode(), "text/html")

    @property
    def paths(self) -> list[str]:
        """The addresses that there are."""
        return list(self._files)

    def response(self, path: str) -> Response:
        """The file of an address, which is in `paths`."""
        content, kind = self._files[path]
        kept = "no-cache" if path == "/" else _KEPT
        headers = {"content-security-policy": self._policy, "cache-control": kept}
        return Response(content, media_type=kind, headers=headers)


def needed(names: tuple[str, ...], sources: Mapping[str, str] | None = None) -> dict[str, int]:
    """The bytes of modules and of all that they import before they run, by their names."""
    sources = sources or _sources()
    found: dict[str, int] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            source = sources[_path(name)]
            found[name] = len(source.encode())
            waiting += _MODULE.findall(source)
    return found


def _sources() -> dict[str, str]:
    """The files by their paths in the addresses."""
    folders = (("app", Path(str(files(__package__) / "static"))),
               ("modules", Path(str(files("piecewise.page") / "modules"))))  # fmt: skip
    return {
        f"{base}/{file.relative_to(folder).as_posix()}": file.read_text("utf-8")
        for base, folder in folders
        for file in sorted(folder.rglob("*"))
        if file.suffix in _TYPES and file.is_file()
    }


def _path(name: str) -> str:
    """The path of a module in the addresses."""
    folder, _, rest = name.partition("/")
    return f"{FOLDERS[folder]}/{rest}"


def _with_imports(style: str, sources: Mapping[str, str]) -> str:
    """A style sheet with those that it imports, so that the browser asks for one file."""
    return _STYLE.sub(lambda found: _in_layer(found[2], sources[found[1]]), style)


def _in_layer(layer: str | None, style: str) -> str:
    return f"@layer {layer} {{\n{style}}}" if layer else style
