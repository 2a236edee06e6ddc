"""Proves releases: the standard library and `cryptography`, nothing else; never imports `release`."""
