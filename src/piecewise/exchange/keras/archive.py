"""The zip of a `.keras` file: its settings and its arrays, as views of the mapped file."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from ...core.errors import ModelFileError, shown
from ...data.sources.zip_archives import limited_file
from .files import CONFIG, METADATA, WEIGHTS

MAX_BYTES = 2 << 30
"""Bytes of a file."""
MAX_CONFIG_BYTES = 32 << 20
MAX_WEIGHT_BYTES = 1 << 30
"""Bytes of the two parts."""
_MAX_RATIO = 200  # of a compressed part
_ENCRYPTED = 0x2041
_HEADER = struct.Struct("<4s22xHH")  # of a file in the zip: signature, lengths of name and extra


def keras_parts(path: Path, data: memoryview) -> dict[str, memoryview]:
    """The parts of a `.keras` file with these bytes by name, their checksums verified;
    ModelFileError."""
    try:
        with limited_file(path, "a .keras file") as file, zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except ModelFileError:
        raise
    except Exception:  # broken archives make the standard library raise many kinds
        raise ModelFileError("not a whole .keras file; was it cut short?") from None
    found: dict[str, memoryview] = {}
    limits = {CONFIG: MAX_CONFIG_BYTES, METADATA: MAX_CONFIG_BYTES, WEIGHTS: MAX_WEIGHT_BYTES}
    for info in infos:
        if info.filename not in limits:
            continue  # assets, as vocabularies
        if info.filename in found:
            raise ModelFileError(f"{shown(info.filename)} is in it twice")
        found[info.filename] = _part(data, info, limits[info.filename])
    for name in (CONFIG, WEIGHTS):
        if name not in found:
            raise ModelFileError(f"a zip file without {name}, wanted a .keras file of Keras 3")
    return found


def _part(data: memoryview, info: zipfile.ZipInfo, most: int) -> memoryview:
    name = info.filename
    if info.flag_bits & _ENCRYPTED or info.compress_type not in {0, zipfile.ZIP_DEFLATED}:
        raise ModelFileError(f"its {name} is encrypted, or compressed with another method")
    most = min(most, max(1 << 20, _MAX_RATIO * info.compress_size))
    if info.file_size > most:
        raise ModelFileError(
            f"its {name} has {info.file_size:,} bytes, wanted at most {most:,} for "
            f"{info.compress_size:,} compressed ones"
        )
    start = info.header_offset + _HEADER.size
    if info.header_offset < 0 or start > len(data):
        raise ModelFileError("not a whole .keras file; was it cut short?")
    signature, length, extra = _HEADER.unpack_from(data, info.header_offset)
    start += length + extra
    content = data[start : start + info.compress_size]
    if info.compress_type == zipfile.ZIP_DEFLATED:
        try:
            unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, info.file_size + 1)
        except zlib.error:
            raise ModelFileError(f"its {name} is damaged") from None
        content = memoryview(unpacked)
    if signature != b"PK\3\4" or len(content) != info.file_size or zlib.crc32(content) != info.CRC:
        raise ModelFileError(f"its {name} is damaged: its checksum or size does not match")
    return content
