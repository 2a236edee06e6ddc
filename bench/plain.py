"""Plain SHA-256 over the files of a release, in one process and one thread: what a verification is compared with.

The sealed evidence of a candidate is left out: nobody publishes it, and no verification reads it.

Usage: python bench/plain.py DIR
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def main() -> None:
    """Hash every file."""
    for path in sorted(Path(sys.argv[1]).rglob("*")):
        if path.is_file() and path.parent.name != "evidence":
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")


if __name__ == "__main__":
    main()
