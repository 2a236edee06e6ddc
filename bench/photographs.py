"""The photographs that pictures are cut from: JPEG files of Debian packages, fetched and unpacked, never installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from PIL import Image

PACKAGES = ("mate-backgrounds", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "ukui-wallpapers")
SMALLEST = 1000  # pixels of the shorter side
LARGEST = 3072  # of the longer side, once loaded


def fetch(folder: Path) -> list[Path]:
    """Return the photographs, sorted by path; the packages are fetched into `folder` unless they are there."""
    unpacked = folder / "unpacked"
    if not unpacked.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "--quiet", *PACKAGES], cwd=folder, check=True)
        for package in sorted(folder.glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", package, unpacked], check=True)
    return usable(unpacked)


def usable(folder: Path) -> list[Path]:
    """Return the JPEG files below `folder` that are large enough, sorted by path; links are left out."""
    found = [path for path in sorted(folder.rglob("*.jpg")) if path.is_file() and not path.is_symlink()]
    return [path for path in found if min(_size(path)) >= SMALLEST]


def load(path: Path) -> Image.Image:
    """Return a photograph in colour, made smaller if it is very large."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    picture.thumbnail((LARGEST, LARGEST))
    return picture


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size
