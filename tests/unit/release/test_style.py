"""The palettes of the pages: text and shapes stand out from every ground, in light, in dark and on paper."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from release.style import DARK, GROUNDS, LIGHT, PAPER, SHAPES, STYLE, TEXT

PALETTES = pytest.mark.parametrize("palette", [LIGHT, DARK, PAPER], ids=["light", "dark", "paper"])


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2, definition of relative luminance)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_definition() -> None:
    """Black on white is 21, and a colour on itself 1."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@PALETTES
def test_text_can_be_read_on_every_ground(palette: Mapping[str, str]) -> None:
    """4.5:1 or more (WCAG 2.2, 1.4.3)."""
    assert min(contrast(palette[text], palette[ground]) for text in TEXT for ground in GROUNDS) >= 4.5


@PALETTES
def test_shapes_can_be_seen_on_every_ground(palette: Mapping[str, str]) -> None:
    """3:1 or more (WCAG 2.2, 1.4.11); bars stand out from their track as well."""
    assert min(contrast(palette[shape], palette[ground]) for shape in SHAPES for ground in GROUNDS) >= 3
    assert min(contrast(palette[shape], palette["rest"]) for shape in ("bar", "gone", "blind", "bad")) >= 3


def test_every_colour_of_the_style_sheet_comes_from_a_palette() -> None:
    """A colour that no palette names would not be tested."""
    outside_palettes = re.sub(r"--[a-z]+: #[0-9a-f]{6};", "", STYLE)
    assert not re.search("#[0-9a-f]{3,8}|rgb|hsl", outside_palettes)
    used = set(re.findall(r"var\(--([a-z]+)", STYLE)) - {"tone"}
    assert used <= set(LIGHT)
    assert set(LIGHT) == set(DARK) == set(PAPER)
