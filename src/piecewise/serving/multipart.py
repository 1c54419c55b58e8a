"""Requests in multipart form: several files, or several texts."""

from __future__ import annotations

import logging

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..core.errors import DataError
from .input_reading import MAX_INPUTS, RawFile

FORM = "multipart/form-data"
MAX_TEXT = 1 << 20
"""Bytes of a text in a field."""
logging.getLogger("python_multipart").addHandler(logging.NullHandler())  # it quotes requests


async def read_form(request: Request) -> tuple[list[RawFile], list[str]]:
    """The files and the texts of a form; DataError if it has both, or neither."""
    files, texts = list[RawFile](), list[str]()
    try:
        async with request.form(
            max_files=MAX_INPUTS, max_fields=MAX_INPUTS, max_part_size=MAX_TEXT
        ) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    content = await value.read()
                    files.append(RawFile(_name(value) or str(len(files)), content))
                elif name == "text":
                    texts.append(value)
                else:
                    raise DataError("form: wanted files, or fields of the name text")
    except HTTPException as error:
        raise DataError(f"form: {error.detail}") from None
    if bool(files) == bool(texts):
        raise DataError("form: wanted files, or fields of the name text, and not both")
    return files, texts


def _name(file: UploadFile) -> str:
    """The name that the client gave, without halves of characters, which no answer may have."""
    return (file.filename or "").encode("utf-8", "replace").decode()
