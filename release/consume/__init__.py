"""What a reader of a release does: verify it, and load it once it is verified."""

from release.consume.load import load
from release.consume.verify import verify

__all__ = ["load", "verify"]
