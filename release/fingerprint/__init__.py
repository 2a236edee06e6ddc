"""What a row is: digests of its stored bytes and perceptual hashes of its pixels, or the reason why not."""

from release.fingerprint.columns import CONVENTIONS, Fingerprints, Limits

__all__ = ["CONVENTIONS", "Fingerprints", "Limits"]
