"""The recipes of the test vectors: one module for each class, written from docs/SPEC.md without the product.

`reference` is a second, naive statement of the specification in hashlib and json; nothing here imports `audit_logs` or
`release`. So a vector's expected value is what the text says, not what the program does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vectors import bundles, documents, exchanges, keys, lists, logs, receipts, replays, rows, statements, trusts, verdicts, withdrawn_keys
from vectors.vector import Pieces, Vector

__all__ = ["Vector", "make"]

_RECIPES: tuple[Callable[[Pieces], Iterator[Vector]], ...] = (
    documents.json_vectors,
    rows.value_vectors,
    rows.row_vectors,
    rows.root_vectors,
    rows.keyed_vectors,
    lists.list_vectors,
    lists.url_vectors,
    lists.padme_vectors,
    keys.key_vectors,
    keys.vkey_vectors,
    bundles.bundle_vectors,
    statements.statement_vectors,
    documents.manifest_vectors,
    trusts.trust_vectors,
    logs.log_vectors,
    replays.replay_vectors,
    verdicts.verdict_vectors,
    withdrawn_keys.withdrawn_key_vectors,
    receipts.receipt_vectors,
    exchanges.exchange_vectors,
)


def make() -> dict[str, bytes]:
    """Return every file of tests/vectors that is made: path -> bytes."""
    files: dict[str, bytes] = {}
    pieces = Pieces()
    for recipe in _RECIPES:
        for vector in recipe(pieces):
            for path, data in vector.files().items():
                if files.setdefault(path, data) is not data:
                    message = f"two vectors write {path}"
                    raise ValueError(message)
    files["pieces.json"] = pieces.encode()
    return dict(sorted(files.items()))
