"""Kind and size of an uploaded image, from its first bytes."""

import struct

import pytest

from incidents.images import ImageInfo, image_info

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 120, 40) + b"\x08\x06\0\0\0"
LOSSY = b"RIFF\x40\0\0\0WEBPVP8 \x30\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 120, 40) + b"\0"
LOSSLESS = b"RIFF\x40\0\0\0WEBPVP8L\x30\0\0\0\x2f" + struct.pack("<I", 119 | 39 << 14)
EXTENDED = b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\x77\0\0" + b"\x27\0\0"
_APP = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + bytes(9)
JPEG = b"\xff\xd8" + _APP + b"\xff\xc2" + struct.pack(">HBHH", 17, 8, 40, 120) + bytes(10)


@pytest.mark.parametrize(
    ("content", "ending"), [(PNG, "png"), (LOSSY, "webp"), (LOSSLESS, "webp"), (EXTENDED, "webp"), (JPEG, "jpg")]
)
def test_kind_and_size_are_read(content: bytes, ending: str) -> None:
    assert image_info(content) == ImageInfo(ending, 120, 40)


@pytest.mark.parametrize("content", [PNG, LOSSY, LOSSLESS, EXTENDED, JPEG])
def test_truncated_image_causes_no_error(content: bytes) -> None:
    for end in range(24):
        assert image_info(content[:end]) is None


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a\x01\0\x01\0", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff\xd9"]
)
def test_other_content_is_not_an_image(content: bytes) -> None:
    assert image_info(content) is None
