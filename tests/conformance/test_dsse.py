"""Our envelopes and the world's: the DSSE protocol vector, and securesystemslib on bundles that we seal."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError as ForeignVerificationError
from securesystemslib.signer import SSlibKey

from audit_logs import envelope, keys
from audit_logs.errors import VerificationError


def test_the_protocol_vector_of_dsse(conformance: Path) -> None:
    """The encoding is the vector's, and its signature holds once raw r||s is written as DER with a low s."""
    vector = json.loads((conformance / "dsse-vector.json").read_text())
    message = envelope.pae(vector["payloadType"], vector["payload"].encode())
    assert message == vector["pae"].encode()
    numbers = ec.EllipticCurvePublicNumbers(int(vector["x"]), int(vector["y"]), ec.SECP256R1())
    key = envelope.PublicKey.from_key(numbers.public_key())
    raw = base64.b64decode(vector["sig"])
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    key.verify(encode_dss_signature(r, min(s, envelope.P256_ORDER - s)), message)
    with pytest.raises(VerificationError):
        key.verify(raw, message)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_securesystemslib_accepts_what_we_seal(kind: str, tmp_path: Path) -> None:
    """A stock DSSE client verifies our envelope with the plain public key, and refuses it with another payload."""
    signer = keys.generate(tmp_path / "key.pem", kind)
    sealed = keys.seal(b'{"a":1}', signer)
    dsse = json.loads(sealed.raw)["dsseEnvelope"]
    public = load_pem_public_key(signer.public.pem.encode())
    assert not isinstance(public, bytes)
    key = SSlibKey.from_crypto(public, keyid=signer.keyid)
    accepted = Envelope.from_dict(json.loads(json.dumps(dsse))).verify([key], 1)
    assert list(accepted) == [signer.keyid]
    dsse["payload"] = base64.b64encode(b'{"a":2}').decode()
    with pytest.raises(ForeignVerificationError):
        Envelope.from_dict(dsse).verify([key], 1)
