"""What a row is: digests of its stored bytes and perceptual hashes of its pixels, or the reason why not."""

from release.fingerprint.columns import CONVENTIONS, Fingerprints, Limits, Stored
from release.fingerprint.fingerprinter import DECODER, Fingerprinter

__all__ = ["CONVENTIONS", "DECODER", "Fingerprinter", "Fingerprints", "Limits", "Stored"]
