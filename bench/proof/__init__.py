"""How light and how fast the proof layer is: the light verifier next to plain SHA-256 and to model_signing, and the log."""
