"""What a row is: digests of its stored bytes and perceptual hashes of its pixels, or the reason why not."""

from release.fingerprint.columns import CONVENTIONS, Fingerprints, Limits, Stored
from release.fingerprint.fingerprinter import DECODER, Fingerprinter
from release.fingerprint.fit import Fit
from release.fingerprint.viewer import Pictures, Shown, Viewer

__all__ = ["CONVENTIONS", "DECODER", "Fingerprinter", "Fingerprints", "Fit", "Limits", "Pictures", "Shown", "Stored", "Viewer"]
