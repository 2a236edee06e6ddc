"""One process, without its start: plain SHA-256 over a release's files and the light verifier's door, by turns. Prints seconds as JSON.

Usage: python -m bench.proof.inside ROUNDS DIR TRUST TIME
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

from audit_logs.fields import instant
from audit_logs.files import FolderFiles
from audit_logs.verify import verify


def main() -> None:
    """Measure; the first round is not counted."""
    rounds, folder, trust, now = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), instant(sys.argv[4])
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    plain, light = [], []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        for path in paths:
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")
        plain.append(time.perf_counter() - start)
        start = time.perf_counter()
        report = verify(FolderFiles(folder), trust.read_bytes(), now=now)
        light.append(time.perf_counter() - start)
        if report.verdict != "verified":
            raise SystemExit(f"the release is {report.verdict}")
    sys.stdout.write(json.dumps({"plain": plain[1:], "light": light[1:]}) + "\n")


if __name__ == "__main__":
    main()
