"""How a picture is brought to the size that a classifier takes. The decoder process does it; what leaves that process has this size.

    stretch   the whole picture is scaled to `resize_width` x `resize_height`, whatever its shape
    cover     the largest central part of that shape is scaled to it; what lies beside that part is not seen

Then it may be stored as a JPEG and read again, for models that were trained on such pictures, and its centre, `width` x `height`, is
cut out. The names of the filters are Pillow's, which widens them where it scales down.
"""

from __future__ import annotations

from dataclasses import dataclass

STRETCH, COVER = "stretch", "cover"
RESIZES = (STRETCH, COVER)
FILTERS = ("nearest", "box", "bilinear", "bicubic", "lanczos")
LARGEST = 1024
"""The largest width and height, in pixels: so much, in three colours, leaves the decoder for each frame at most."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A size in pixels, and the way to it.

    Attributes:
        width: of what comes out.
        height: of what comes out.
        resize: one of `RESIZES`.
        resize_width: to which it is scaled, before the centre is cut out.
        resize_height: likewise.
        filter: one of `FILTERS`.
        jpeg: the quality, 1 to 95, with which the scaled picture is stored and read again; 0 for not at all.
    """

    width: int
    height: int
    resize: str
    resize_width: int
    resize_height: int
    filter: str
    jpeg: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame, 8 bits for each of three colours."""
        return self.width * self.height * 3
