"""What kind of picture some bytes are, by their content: file names and columns are never asked.

Sources: the signatures of JPEG (ITU T.81), PNG, GIF, WebP (RIFF), BMP, TIFF, and ISO base media brands of AVIF.
"""

from __future__ import annotations

import re

OTHER = "bin"
_HEAD = 16
_SIGNATURES = (
    (re.compile(rb"\xff\xd8\xff"), "jpg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp"),
    (re.compile(rb"BM"), "bmp"),
    (re.compile(rb"II\*\x00|MM\x00\*"), "tif"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "avif"),
)


def extension(data: bytes | memoryview) -> str:
    """Return the extension, without its dot, of a picture's format; `OTHER` for one that is not known here."""
    head = bytes(data[:_HEAD])
    return next((name for signature, name in _SIGNATURES if signature.match(head)), OTHER)
