"""Reads the kind and size in pixels of an uploaded image from its first bytes. Pure.

PNG (ISO/IEC 15948 §11.2.2), WebP (RFC 9649 §2.5–2.7) and JPEG (ITU-T T.81 §B.2.2).
SVG is excluded: it can contain scripts and load from other hosts.
"""

import struct
from dataclasses import dataclass

PNG = b"\x89PNG\r\n\x1a\n"
# A start-of-frame segment contains the size; 0xC4, 0xC8 and 0xCC are other segments.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """`ending` is png, webp or jpg; width and height are pixels."""

    ending: str
    width: int
    height: int


def image_info(content: bytes) -> ImageInfo | None:
    """Return None for other kinds, or if the content ends before the size."""
    try:
        return _png(content) or _webp(content) or _jpeg(content)
    except (struct.error, IndexError):
        return None


def _png(content: bytes) -> ImageInfo | None:
    if not content.startswith(PNG) or content[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", content[16:24])
    return ImageInfo("png", width, height)


def _webp(content: bytes) -> ImageInfo | None:
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return None
    kind = content[12:16]
    if kind == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", content[26:30])
        return ImageInfo("webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and content[20] == 0x2F:
        (bits,) = struct.unpack("<I", content[21:25])
        return ImageInfo("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        width, height = (int.from_bytes(content[place : place + 3], "little") + 1 for place in (24, 27))
        return ImageInfo("webp", width, height) if len(content) >= 30 else None
    return None


def _jpeg(content: bytes) -> ImageInfo | None:
    if not content.startswith(b"\xff\xd8\xff"):
        return None
    place = 2
    while content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return ImageInfo("jpg", width, height)
        length = 0 if marker in _JPEG_WITHOUT_LENGTH else struct.unpack(">H", content[place + 2 : place + 4])[0]
        place += 2 + length
    return None
