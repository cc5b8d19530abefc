"""Encodes a finished picture as text; encoding releases the interpreter's lock."""

from __future__ import annotations

import base64
import io

from PIL import Image

SETTINGS = {
    "png": {"compress_level": 1},
    "jpeg": {"quality": 90},
    "webp": {"quality": 90},
}
"""Pillow's settings; PNG compressed as quickly as it can be, since the client waits."""


def encoded(picture: Image.Image, output_format: str) -> str:
    """Return a picture as a file of the format, in base 64."""
    stream = io.BytesIO()
    picture.save(stream, output_format.upper(), **SETTINGS[output_format])
    return base64.b64encode(stream.getbuffer()).decode("ascii")
