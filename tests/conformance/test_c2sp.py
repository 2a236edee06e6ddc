"""Notes, checkpoints, cosignatures and tile paths made by other implementations or printed in the C2SP documents."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit_logs import note, tiles
from audit_logs.note import Checkpoint, SignatureLine, VerifierKey

# The key and note of the documentation of golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

# Signed with github.com/transparency-dev/formats v0.1.1 (NewSignerForCosignatureV1) from a seed that is no secret.
LOG_KEY = "example.com/vector-log+4516a1da+ARGkVJ4QEa2MOOLGBO6i7NVSJ1FQ97tIX+w+Ku0RZ6Em"
WITNESS_KEY = "witness.example.com/vector+416f103d+BK/QmJFVP3SKJOqAMhFxBQPtylo3sjwWibyFDAlZKK8B"
WITNESS_SEED = base64.b64decode("BJEX3xv88eoQIKT4E+GkxZcXaJCYlQfi/GJ3NDFmZIW8")[1:]
CHECKPOINT = "example.com/vector-log\n1234\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
LOG_LINE = "— example.com/vector-log RRah2qlLrSlk6J8DA1HmNewppUM15Quhs5cAIb1KjBsV3otVirJTW8AFVsQtJkTW1Zny7GuoAxZpI6bUPcpM68QOIgE="
WITNESS_LINE = (
    "— witness.example.com/vector QW8QPQAAAABqwLUbDdj7sDNRIVjmjYgqFI6y4UJhPg/UAA8J8wAdqSd3q4PedRhkgXA4xFN/Jg5uWn7ZkBA+H/UHQs5d9hITdXmQAA=="
)
WITNESS_TIME = 1_791_014_171

# The example of c2sp.org/tlog-cosignature; its keys are not published.
EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""


def test_gos_example_note() -> None:
    """Key id, line and signature of Go's example are ours."""
    key, line = VerifierKey.parse(GO_KEY), SignatureLine.parse(GO_LINE)
    assert key.key_id.hex() == "c74f20a3"
    assert line.is_by(key)
    assert line.text == GO_LINE
    Ed25519PublicKey.from_public_bytes(key.public).verify(line.signature, GO_TEXT.encode())


def test_a_foreign_log_and_witness_verify() -> None:
    """A checkpoint signed and cosigned by the reference implementation passes every check."""
    signed = note.parse_signed(f"{CHECKPOINT}\n{LOG_LINE}\n{WITNESS_LINE}\n".encode())
    witness = VerifierKey.parse(WITNESS_KEY)
    assert note.verify_signed(signed, VerifierKey.parse(LOG_KEY), [witness]) == {witness: WITNESS_TIME}


def test_our_cosignature_is_the_foreign_one() -> None:
    """From the same seed and time we sign the same bytes."""
    secret = Ed25519PrivateKey.from_private_bytes(WITNESS_SEED)
    key = VerifierKey("witness.example.com/vector", note.WITNESS_KEY, secret.public_key().public_bytes_raw())
    signature = secret.sign(note.cosigned_message(WITNESS_TIME, CHECKPOINT))
    assert key.text == WITNESS_KEY
    assert SignatureLine(key.name, key.key_id, WITNESS_TIME.to_bytes(8) + signature).text == WITNESS_LINE


def test_the_documents_example_has_our_form() -> None:
    """The printed checkpoint parses, and is written back byte for byte."""
    signed = note.parse_signed(EXAMPLE.encode())
    assert signed.checkpoint == Checkpoint("example.com/behind-the-sofa", 20_852_163, signed.checkpoint.root)
    assert signed.encode() == EXAMPLE.encode()
    assert int.from_bytes(signed.lines[1].signature[:8]) == 1_679_315_147
    assert note.cosigned_message(1_679_315_147, signed.text).startswith(
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
    )


def test_the_documents_examples_of_tiles() -> None:
    """Paths and counts are those that c2sp.org/tlog-tiles gives for its examples."""
    assert tiles.tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    paths = tiles.tile_paths(70_000)
    level_0 = [path for path in paths if path.startswith("tile/0/")]
    assert len(level_0) == 274
    assert level_0[-1] == "tile/0/273.p/112"
    assert [path for path in paths if path.startswith(("tile/1/", "tile/2/"))] == ["tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert tiles.tile_paths(256) == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
