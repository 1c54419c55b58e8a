"""Who may talk to the app: checks of host, origin and token, before any route.

The server listens on this machine only. A page of another origin, a name that somebody's DNS points
at this machine, and a program without the token must not reach it. The link that the app prints
holds a code for one use; the page trades it for the token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import deque
from pathlib import Path

from ..serving.refused import RefusedError
from .project_files import OWN, write_file

CODE_SECONDS = 600
"""How long the code of a link is valid."""
MAX_WRONG = 20
"""Wrong tokens or codes in a minute; after that, the answer to a wrong one is another status."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_KEY_BYTES = 32
POLICY = "; ".join([
    "default-src 'none'", "script-src 'self' '{import_map}'", "style-src 'self'",
    "img-src 'self' blob: data:", "media-src blob:", "connect-src 'self'", "worker-src 'self'",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
])  # fmt: skip
"""The content security policy of the page; {import_map} is the hash of its import map."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Gate:
    """The token of a project, the code of the link, and the checks of a request's headers.

    The token is derived from a key in the project's folder, so that pages stay valid when the
    server starts again.
    """

    def __init__(self, root: Path, port: int) -> None:
        self.token = hmac.new(_key(root), b"piecewise app", hashlib.sha256).hexdigest()
        self._port = port
        self._code = secrets.token_urlsafe(16)
        self._code_ends = time.monotonic() + CODE_SECONDS
        self._wrong: deque[float] = deque(maxlen=MAX_WRONG)

    @property
    def link(self) -> str:
        """The address to open; the code is in its fragment, which no server logs."""
        return f"http://127.0.0.1:{self._port}/#k={self._code}"

    def check_headers(self, host: str, origin: str | None, site: str | None) -> None:
        """Refuse a request for another host name or from another origin."""
        hosts = {f"{name}:{self._port}" for name in LOOPBACK}
        if host not in hosts:
            raise RefusedError(421, "this server answers for this machine only")
        if origin is not None and origin.removeprefix("http://") not in hosts:
            raise RefusedError(403, "a page of another origin may not ask this server")
        if origin is not None and not origin.startswith("http://"):
            raise RefusedError(403, "a page of another origin may not ask this server")
        if site not in (None, "same-origin", "none"):
            raise RefusedError(403, "a page of another site may not ask this server")

    def check_token(self, authorization: str) -> None:
        """Refuse a request without the token."""
        given, wanted = authorization.encode("utf-8", "replace"), f"Bearer {self.token}".encode()
        if not hmac.compare_digest(given, wanted):
            self._count_wrong()
            raise RefusedError(401, "open the link that `piecewise app` printed")

    def trade(self, code: object) -> str:
        """The token for the code of the link, which is valid once."""
        known = self._code
        given = code.encode("utf-8", "replace") if isinstance(code, str) else b""
        valid = bool(known) and hmac.compare_digest(given, known.encode())
        if not valid or time.monotonic() > self._code_ends:
            self._count_wrong()
            raise RefusedError(401, "this link was used or is too old; start `piecewise app` again")
        self._code = ""
        return self.token

    def _count_wrong(self) -> None:
        """Count a wrong token or code. The right one is never refused, so that no other program
        can lock the page out."""
        now = time.monotonic()
        if len(self._wrong) == MAX_WRONG and now - self._wrong[0] < 60:
            raise RefusedError(429, "too many wrong tokens; wait a minute")
        self._wrong.append(now)


def _key(root: Path) -> bytes:
    """The secret key of a project, made at the first start and readable by its owner only."""
    path = root / OWN / "key"
    try:
        key = path.read_bytes()
    except OSError:
        key = b""
    if len(key) != _KEY_BYTES:
        key = secrets.token_bytes(_KEY_BYTES)
        write_file(path, key)
        path.chmod(0o600)
    return key
