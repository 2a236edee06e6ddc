"""What every document of a release says of its limits, in one place, so that card, Croissant and report say the same."""

from __future__ import annotations

NOT_PROVEN = (
    "No list of known material is complete. What nobody has listed, and what was listed after the vintage named, was not looked for.",
    "A crop, a frame, an overlay or a heavy edit can move a perceptual hash beyond the distance; an exact hash misses any changed byte.",
    (
        "Removal counts are not prevalence. A match is a match with a list entry under stated parameters; some matches are false, "
        "some material is not on any list, and some steps remove rows for other reasons."
    ),
    (
        "The chain between the steps and their counts are the institution's claim. Auditors who held the sealed evidence checked what their "
        "reports say; a stranger cannot, because the commitments hide which rows were removed."
    ),
    "The signatures prove who said a thing and that it was not changed. They do not prove that the lists were good or that the source was lawful.",
    "That the program whose digest is attested is the program that ran is the institution's claim.",
    "Whether captions, faces, rights, bias or consent are in order was not judged, unless a step says so.",
)

UNSCREENABLE = (
    "A row that could not be screened (no image or link, a decoder that failed, a limit reached) is left out as unscreenable, never kept. "
    "Counts are given for each step and for the whole only."
)

LOW_QUALITY = (
    "A picture of low quality has too little detail for a perceptual hash to be compared. Where a plan keeps such pictures, "
    "each step tells how many it gave on without a comparison that means anything."
)

WITHDRAWAL = (
    "A version is never changed. A fault is mended in a new version; a version that must no longer be used is withdrawn by a signed entry "
    "in the log, after which verification ends with the verdict withdrawn. Old copies learn of it only from a fresh log."
)
