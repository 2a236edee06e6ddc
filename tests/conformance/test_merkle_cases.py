"""The Merkle cases of transparency-dev/merkle: every one is accepted or refused as it says, but for one that we refuse knowingly."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from audit_logs import proof
from audit_logs.errors import VerificationError

STRICTER = {"consistency/additional/sizes-are-equal-one-and-proof-is-empty"}
"""Its roots have 12 bytes; SPEC.md section 18 refuses hashes of other than 32."""


def cases(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return all cases of a file."""
    found: list[dict[str, Any]] = json.loads((folder / name).read_text())
    assert len(found) == 98
    return found


def hashes(texts: list[str] | None) -> list[bytes]:
    """Return the bytes of base64 texts."""
    return [base64.b64decode(text or "") for text in texts or []]


def test_inclusion_cases(conformance: Path) -> None:
    """All 98 inclusion proofs are accepted or refused as the case says."""
    for case in cases(conformance, "merkle-inclusion.json"):
        leaf, root = hashes([case["leafHash"], case["root"]])
        try:
            proof.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], hashes(case["proof"]), root)
            refused = False
        except VerificationError:
            refused = True
        assert refused == case["wantErr"], case["case"]


def test_consistency_cases(conformance: Path) -> None:
    """All 98 consistency proofs are accepted or refused as the case says, or stand in the list of stricter ones."""
    stricter = set()
    for case in cases(conformance, "merkle-consistency.json"):
        old, new = hashes([case["root1"], case["root2"]])
        try:
            proof.verify_consistency(case["size1"], case["size2"], old, new, hashes(case["proof"]))
            refused = False
        except VerificationError:
            refused = True
        if refused and not case["wantErr"]:
            stricter.add(case["case"])
        else:
            assert refused == case["wantErr"], case["case"]
    assert stricter == STRICTER
