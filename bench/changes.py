"""What is done to a picture between the list and the dataset: each change as a function from a picture to an encoded file."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Change = Callable[[Image.Image], bytes]
Picture = Callable[[Image.Image], Image.Image]
QUALITY = 90  # of JPEG, where a line says nothing else
WORDS = "a line of text over the picture, as a caption or a watermark has it"


def file(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """Return a picture as the bytes of a file."""
    out = io.BytesIO()
    picture.save(out, kind, **({"quality": QUALITY} | options if kind == "JPEG" else options))
    return out.getvalue()


def saved(change: Picture) -> Change:
    """Return a change of pixels, saved as JPEG."""
    return lambda picture: file(change(picture))


def scaled(picture: Image.Image, factor: float) -> Image.Image:
    """Return a picture larger or smaller, bicubic."""
    return picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.BICUBIC)


def square(picture: Image.Image) -> Image.Image:
    """Return a picture stretched to 512x512."""
    return picture.resize((512, 512), Image.Resampling.BICUBIC)


def cropped(picture: Image.Image, share: float) -> Image.Image:
    """Return a picture without a share of its width and height on each side."""
    left, top = round(picture.width * share), round(picture.height * share)
    return picture.crop((left, top, picture.width - left, picture.height - top))


def framed(picture: Image.Image, share: float) -> Image.Image:
    """Return a picture in a white frame of a share of its shorter side."""
    return ImageOps.expand(picture, round(min(picture.size) * share), "white")


def leaning(picture: Image.Image, degrees: float) -> Image.Image:
    """Return a picture turned by a small angle within its own size; corners are black."""
    return picture.rotate(degrees, Image.Resampling.BICUBIC)


def captioned(picture: Image.Image, share: float) -> Image.Image:
    """Return a picture with white text on a black band at its foot that covers a share of its height."""
    changed, band = picture.copy(), round(picture.height * share)
    draw = ImageDraw.Draw(changed)
    draw.rectangle((0, picture.height - band, picture.width, picture.height), "black")
    draw.text((band // 2, picture.height - band), WORDS, "white", ImageFont.load_default(max(band * 0.7, 6)))
    return changed


def watermarked(picture: Image.Image) -> Image.Image:
    """Return a picture with white text across its middle, a fifteenth of its height."""
    changed, size = picture.copy(), picture.height / 15
    place = picture.width // 20, round(picture.height / 2 - size / 2)
    ImageDraw.Draw(changed).text(place, WORDS, "white", ImageFont.load_default(max(size, 6)))
    return changed


def grey(picture: Image.Image) -> Image.Image:
    """Return a picture without colour."""
    return picture.convert("L")


def brighter(picture: Image.Image, factor: float) -> Image.Image:
    """Return a picture brighter or darker."""
    return ImageEnhance.Brightness(picture).enhance(factor)


def sharper(picture: Image.Image, factor: float) -> Image.Image:
    """Return a picture of more or less contrast."""
    return ImageEnhance.Contrast(picture).enhance(factor)


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    """Return a picture out of focus."""
    return picture.filter(ImageFilter.GaussianBlur(radius))


def _turned(way: Image.Transpose) -> Change:
    return saved(lambda picture: picture.transpose(way))


CHANGES: dict[str, Change] = {
    **{f"JPEG, quality {quality}": partial(file, quality=quality) for quality in (95, 75, 50, 30, 10)},
    "PNG": partial(file, kind="PNG"),
    "WebP, quality 80": partial(file, kind="WEBP", quality=80),
    "GIF, 256 colours": partial(file, kind="GIF"),
    **{f"resized to {100 * factor:g}%": saved(partial(scaled, factor=factor)) for factor in (1.5, 0.75, 0.5, 0.25, 0.125)},
    "stretched to 512x512": saved(square),
    "mirrored": _turned(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": _turned(Image.Transpose.FLIP_TOP_BOTTOM),
    "turned by 90 degrees": _turned(Image.Transpose.ROTATE_90),
    "turned by 180 degrees": _turned(Image.Transpose.ROTATE_180),
    "turned by 270 degrees": _turned(Image.Transpose.ROTATE_270),
    "mirrored, resized to 50%, JPEG, quality 50": lambda picture: file(scaled(ImageOps.mirror(picture), 0.5), quality=50),
    "grey": saved(grey),
    **{f"brightness {factor:.0%}": saved(partial(brighter, factor=factor)) for factor in (1.3, 0.7)},
    **{f"contrast {factor:.0%}": saved(partial(sharper, factor=factor)) for factor in (1.5, 0.5)},
    "blurred by 2 pixels": saved(partial(blurred, radius=2)),
    "text across the middle": saved(watermarked),
    **{f"band of text over {share:.0%} of the height": saved(partial(captioned, share=share)) for share in (0.05, 0.1)},
    **{f"white frame of {share:.0%}": saved(partial(framed, share=share)) for share in (0.01, 0.02)},
    **{f"crop of {share:.0%} per side": saved(partial(cropped, share=share)) for share in (0.01, 0.02, 0.05)},
    **{f"tilted by {degrees}°": saved(partial(leaning, degrees=degrees)) for degrees in (1, 2, 5)},
}
