"""Requests in multipart form: several files, or several texts."""

from __future__ import annotations

import logging
from typing import NamedTuple

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..core.errors import DataError
from ..data.decoding.pool import RawFile
from .input_reading import MAX_INPUTS

FORM = "multipart/form-data"
MAX_TEXT = 1 << 20
"""Bytes of a text in a field."""
CHARSETS = (b"utf-8", b"utf8", b"us-ascii", b"ascii")
logging.getLogger("python_multipart").addHandler(logging.NullHandler())  # it quotes requests


class Form(NamedTuple):
    """The files or the texts of a form."""

    files: list[RawFile]
    texts: list[str]


async def read_form(request: Request) -> Form:
    """A form; DataError if it has both files and texts, or neither."""
    _, options = parse_options_header(request.headers["content-type"])
    if options.get(b"charset", b"utf-8").lower() not in CHARSETS:
        raise DataError("form: wanted the charset utf-8")
    files, texts = list[RawFile](), list[str]()
    try:
        async with request.form(
            max_files=MAX_INPUTS, max_fields=MAX_INPUTS, max_part_size=MAX_TEXT
        ) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    content = await value.read()
                    files.append(RawFile(value.filename or str(len(files)), content))
                elif name == "text":
                    texts.append(value)
                else:
                    raise DataError("form: wanted files, or fields of the name text")
    except HTTPException as error:
        raise DataError(f"form: {error.detail}") from None
    if bool(files) == bool(texts):
        raise DataError("form: wanted files, or fields of the name text, and not both")
    return Form(files, texts)
