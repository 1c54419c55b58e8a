"""Model files for tests: their parts, and the checksum that a changed file needs to be read."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from typing import Any


def taken_apart(content: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The header of the tensors, the model's own header inside it without its checksum, and the
    numbers."""
    length = int.from_bytes(content[:8], "little")
    outer = json.loads(content[8 : 8 + length])
    inner = json.loads(outer["__metadata__"]["piecewise"])
    inner.pop("sha256", None)
    return outer, inner, content[8 + length :]


def put_together(outer: Any, inner: Any, body: bytes) -> bytes:
    """A file of these parts, without a checksum if the model's own header is given."""
    if inner is not None and isinstance(outer.get("__metadata__"), dict):
        text = inner if isinstance(inner, str) else json.dumps(inner)
        outer = {**outer, "__metadata__": {"piecewise": text}}
    header = json.dumps(outer).encode()
    return struct.pack("<Q", len(header)) + header + body


def signed(content: bytes) -> bytes:
    """The file with the checksum of its content, unless it is too broken to have one."""
    length = int.from_bytes(content[:8], "little")
    body = content[8 + length :]
    try:
        header = content[8 : 8 + length].decode()
        outer = json.loads(header)
        text = outer["__metadata__"]["piecewise"]
        start = re.sub(r'(,\s*"sha256":\s*"\w*"\s*)?}$', "", text)
        digest = hashlib.sha256(start.encode())
        for name in sorted(set(outer) - {"__metadata__"}):
            first, last = outer[name]["data_offsets"]
            digest.update(body[first:last])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return content
    field = f',"sha256":"{digest.hexdigest()}"}}'
    old = next((old for old in _quoted(text) if header.count(old) == 1), None)
    if old is None or not text.endswith("}"):
        return content
    new = header.replace(old, json.dumps(start + field)).encode()  # every other byte stays
    return struct.pack("<Q", len(new)) + new + body


def _quoted(text: str) -> tuple[str, str]:
    """The ways in which the text may stand in a JSON header."""
    return json.dumps(text), json.dumps(text, ensure_ascii=False)
