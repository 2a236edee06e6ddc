"""The page that verifies a release in a browser, `verify.html`, as it comes with this package.

It is made out of `verifier-js/` by scripts/make_verify_page.py. A reader takes it from here, or from whoever vouches for its SHA-256,
and never from the release that it is to check.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

LIMIT = 4 * 1024 * 1024


def page() -> bytes:
    """Return the page's bytes."""
    return files("release").joinpath("pages", "verify.html").read_bytes()


def page_digest() -> str:
    """Return the SHA-256 of the page, in hex: what a trust file names as `verifyPage`."""
    return sha256(page()).hexdigest()
