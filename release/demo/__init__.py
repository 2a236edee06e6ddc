"""The whole story on bundled benign data."""
