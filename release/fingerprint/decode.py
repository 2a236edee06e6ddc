"""From stored bytes to pixels that can be hashed: every frame, every mode, under limits. Runs in the decoder process.

    JPEG, grey or YCbCr or RGB   libjpeg-turbo through simplejpeg, at full scale, into room that is used again
    everything else              Pillow, and only the formats of `FORMATS`

What a viewer shows is hashed: transparency over white. A picture that is not opaque gives two views more: over black, as
dark pages show it, and without its transparency, as most training code reads it; all are matched, the first alone counts for
quality. Further pictures in one JPEG file (CIPA DC-007, "MPO": stereo pairs, gain maps) are frames like those of an animation;
those of a file that calls itself Ultra HDR, which Pillow passes over, do not count for quality, as a gain map has little detail.
Orientation tags are not applied: the eight dihedral forms of a hash stand for every orientation.

JPEG is decoded to grey, which is cheaper, unless `colour` is asked for. Luma computed from decoded colour is what the
reference implementations hash; the grey plane differs by clipping and rounding and moves a hash by up to 4 bits.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.MpoImagePlugin import MpoImageFile

from release.fingerprint.columns import Limits
from release.fingerprint.modes import views_of

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What Pillow may open; its other decoders are never reached."""

BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What the decoders raise on damaged input; a MemoryError is a limit, and anything else ends the process."""

_JPEG_START = b"\xff\xd8\xff"
_SEVERAL_PICTURES = b"MPF\0"  # begins the segment that lists the further pictures of a JPEG file
_APP2, _START_OF_SCAN = 0xE2, 0xDA
_SEGMENTS = frozenset({*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE})  # that have a length
_GREY = frozenset({"Gray", "GRAY"})
_DIRECT = _GREY | {"YCbCr", "RGB"}

KEPT_BYTES = 16 << 20
"""Room for pixels that is kept: memory that is touched for the first time makes a decoder half as fast again."""


@dataclass(frozen=True, slots=True)
class View:
    """One picture to hash.

    Attributes:
        pixels: as `pdq.Hasher` takes them, valid until the next are asked for.
        counts: whether it counts for the row's quality.
        exact: whether luma is what the reference computes, or a grey plane that differs from it by clipping and rounding.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint32]
    counts: bool
    exact: bool = True


class Room:
    """Memory for the pixels of JPEG pictures, used again and again; a picture that does not fit gets memory of its own, for itself."""

    def __init__(self, *, colour: bool) -> None:
        self.colour = colour
        self._kept = np.empty(KEPT_BYTES, np.uint8)

    def decode(self, data: memoryview, pixels: int, *, strict: bool) -> NDArray[np.uint8] | NDArray[np.uint32]:
        """Return the `pixels` of a JPEG, (rows, columns) uint8 grey or uint32 RGBX; what `simplejpeg` raises comes through."""
        size = pixels * (4 if self.colour else 1)
        room = self._kept if size <= KEPT_BYTES else np.empty(size, np.uint8)
        if not strict:
            room[:size] = 0  # what does not decode must not show another picture
        decoded: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGBX" if self.colour else "GRAY", strict=strict, buffer=room)
        return decoded.view("<u4")[:, :, 0] if self.colour else decoded[:, :, 0]


class Picture:
    """The views of one stored picture, and what kept it from being decoded in full.

    Attributes:
        reason: "" or a reason of `columns`, settled once the views have been taken.
    """

    def __init__(self, data: memoryview, limits: Limits, room: Room) -> None:
        self._data = data
        self._limits = limits
        self._room = room
        self._ultra_hdr = False
        self.reason = ""

    def views(self) -> Iterator[View]:
        """Yield every view of every frame, as far as the picture decodes and the limits allow."""
        if self._data[: len(_JPEG_START)] == _JPEG_START:
            space, size = self._jpeg_header()
            if size > self._limits.pixels:
                self.reason = "pixels"
                return
            if space in _DIRECT:
                pixels = self._jpeg(size)
                if pixels is not None:
                    yield View(pixels, counts=True, exact=self._room.colour or space in _GREY)
                    if _has_several(self._data):
                        yield from self._pillow(first=1)
                    return
        yield from self._pillow()

    def _jpeg_header(self) -> tuple[str, int]:
        """Return colour space and number of pixels that a JPEG's header names, "" and 0 where it has none that can be read."""
        try:
            height, width, space, _ = simplejpeg.decode_jpeg_header(self._data, strict=False)
        except BROKEN:
            return "", 0
        return str(space), height * width

    def _jpeg(self, size: int) -> NDArray[np.uint8] | NDArray[np.uint32] | None:
        """Return the pixels of a JPEG, damaged or not, or None where libjpeg-turbo makes nothing of it."""
        for strict in (True, False):
            try:
                return self._room.decode(self._data, size, strict=strict)
            except BROKEN:
                self.reason = "truncated"
        self.reason = ""
        return None

    def _pillow(self, first: int = 0) -> Iterator[View]:
        """Yield the views of whatever Pillow decodes; a damaged frame is decoded as far as it goes and is the last."""
        whole = first
        try:
            for image in self._frames(first):
                yield from self._views(image)
                whole += 1
        except BROKEN:
            self.reason = "truncated"
            yield from self._damaged(whole)

    def _damaged(self, frame: int) -> Iterator[View]:
        """Yield the views of a frame that does not decode in full, as far as it goes."""
        try:
            with _lenient():
                for image in self._frames(first=frame):
                    yield from self._views(image)
                    return
        except BROKEN:
            self.reason = "truncated" if frame else "undecodable"

    def _frames(self, first: int) -> Iterator[Image.Image]:
        """Yield each frame from `first` on, not yet decoded, up to the limits."""
        with self._opened() as image:
            for number in range(first, self._limits.frames + 1):
                try:
                    image.seek(number)
                except EOFError:
                    return
                if number == self._limits.frames:
                    self.reason = self.reason or "frames"
                    return
                if image.width * image.height > self._limits.pixels:
                    self.reason = "pixels"
                    return
                yield image

    def _opened(self) -> Image.Image:
        """Return the file as Pillow reads it, and further pictures of an Ultra HDR file as well, of which it gives only the first."""
        image = Image.open(io.BytesIO(self._data), formats=FORMATS)
        if type(image) is JpegImageFile and _has_several(self._data):
            try:
                several = MpoImageFile(io.BytesIO(self._data))
            except BROKEN:
                return image  # what looks like a list of pictures is none
            if getattr(several, "n_frames", 1) > 1:
                self._ultra_hdr = True
                return several
        return image

    def _views(self, image: Image.Image) -> Iterator[View]:
        """Yield the views of one frame."""
        image.load()
        counts = not (self._ultra_hdr and image.tell())
        for number, pixels in enumerate(views_of(image)):
            yield View(pixels, counts=counts and number == 0)


def _has_several(data: memoryview) -> bool:
    """Say whether a JPEG file may list further pictures: by its segments, or, where they are not in order, by all of its bytes."""
    at = 2
    while at + 8 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if kind == _START_OF_SCAN:
            return False
        if kind not in _SEGMENTS:
            break
        if kind == _APP2 and data[at + 4 : at + 8] == _SEVERAL_PICTURES:
            return True
        at += 2 + data[at + 2] * 256 + data[at + 3]
    return _SEVERAL_PICTURES in bytes(data)


@contextmanager
def _lenient() -> Iterator[None]:
    """Let Pillow fill in what a damaged file lacks."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
