"""Notes, checkpoints, cosignatures and tile paths made by other implementations or printed in the C2SP documents."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit_logs import note, tiles
from audit_logs.errors import FormatError
from audit_logs.note import Checkpoint, SignatureLine, VerifierKey

# The key and note of the documentation of golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

# The second key and signature of golang.org/x/mod/sumdb/note/note_test.go; the key's seed is 32 zero bytes (example_test.go).
ENOCH_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCH_LINE = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ="
# Keys that the same file refuses: a wrong length, an unknown type (0x65), both with the key id that fits; and a wrong key id.
GO_BAD_KEYS = (
    "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
    "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
)

# The example of c2sp.org/signed-note, version 1.1.0, section "Verifier keys".
NOTE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE_TEXT = "This is an example message.\n"
NOTE_LINE = "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="

# Keys of both types, and a cosignature with its time, of github.com/transparency-dev/formats v0.1.1, note/note_cosigv1_test.go.
FORMATS_KEYS = {
    "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6": note.LOG_KEY,
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2": note.WITNESS_KEY,
}
FORMATS_COSIGNATURE = "ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWWOworDcFiEBYJXORmnFBOBA=="
FORMATS_TIME = 1_727_964_367

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


def test_gos_second_key() -> None:
    """Its key follows from the seed of zeros, its line is what we write for its signature, and we sign the same one."""
    secret = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = VerifierKey("EnochRoot", note.LOG_KEY, secret.public_key().public_bytes_raw())
    assert key.text == ENOCH_KEY
    assert VerifierKey.parse(ENOCH_KEY) == key
    assert SignatureLine(key.name, key.key_id, secret.sign(GO_TEXT.encode())).text == ENOCH_LINE
    assert not SignatureLine.parse(GO_LINE).is_by(key)


@pytest.mark.parametrize("text", GO_BAD_KEYS)
def test_keys_that_go_refuses(text: str) -> None:
    """They are no keys here either."""
    with pytest.raises(FormatError):
        VerifierKey.parse(text)


def test_the_example_of_signed_note() -> None:
    """Key, key id and signature of the document's example hold."""
    key, line = VerifierKey.parse(NOTE_KEY), SignatureLine.parse(NOTE_LINE)
    assert (key.text, key.key_id.hex(), key.kind) == (NOTE_KEY, "530d903a", note.LOG_KEY)
    assert line.is_by(key)
    Ed25519PublicKey.from_public_bytes(key.public).verify(line.signature, NOTE_TEXT.encode())


def test_keys_and_a_cosignature_of_the_go_library() -> None:
    """Both types of key are read and written back; the cosignature's time stands where the library finds it."""
    for text, kind in FORMATS_KEYS.items():
        key = VerifierKey.parse(text)
        assert (key.text, key.kind) == (text, kind)
    line = SignatureLine.parse(f"— witness.example {FORMATS_COSIGNATURE}")
    assert (len(line.signature), int.from_bytes(line.signature[:8])) == (72, FORMATS_TIME)
    assert line.text.endswith(FORMATS_COSIGNATURE)


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
