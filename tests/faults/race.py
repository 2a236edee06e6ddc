"""Append one entry at a time until some succeeded; a program, several of which run at once.

PYTHONPATH=tests python -m faults.race FOLDER NAME COUNT

Prints how often it was told that somebody else is writing.
"""

from __future__ import annotations

import sys
from pathlib import Path

from faults.writers import KEY, SIGNER

from audit_logs.errors import Locked
from audit_logs.log import Log


def main() -> None:
    """Append."""
    folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    locked = 0
    for number in range(count):
        while True:
            try:
                Log.open(folder, KEY.text).append([f"{name} {number}".encode()], SIGNER)
            except Locked:
                locked += 1
            else:
                break
    sys.stdout.write(f"{locked}\n")


if __name__ == "__main__":
    main()
