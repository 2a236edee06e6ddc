/** The envelope around every statement: docs/SPEC.md section 8. */
import { concat, hex, unbase64, utf8 } from "./bytes.mjs";
import { decode } from "./canonical.mjs";
import * as form from "./form.mjs";
import { Problem } from "./problem.mjs";
import { sha256 } from "./sha256.mjs";

export const LIMIT = 65535;
const PAYLOAD_TYPE = "application/vnd.in-toto+json";

const BUNDLE = form.object({
  dsseEnvelope: form.object({
    payload: form.text,
    payloadType: form.oneOf(PAYLOAD_TYPE),
    signatures: form.all(
      form.list(form.object({ keyid: form.keyId, sig: form.text }), 1),
      form.rule("one signature", (signatures) => signatures.length === 1),
    ),
  }),
  mediaType: form.oneOf("application/vnd.dev.sigstore.bundle.v0.3+json"),
  verificationMaterial: form.object({ publicKey: form.object({ hint: form.keyId }) }),
});

/** Read a bundle: payload, keyid, signature, and the digest (hex) of its bytes. No signature is checked. */
export function parse(bytes, where) {
  const bundle = decode(bytes, where, LIMIT);
  BUNDLE(bundle, where);
  const { payload, signatures } = bundle.dsseEnvelope;
  const [{ keyid, sig }] = signatures;
  if (bundle.verificationMaterial.publicKey.hint !== keyid) throw new Problem("form", `${where}.hint`, keyid, "another key id");
  return { payload: unbase64(payload, where), keyid, signature: unbase64(sig, where), bytes, digest: hex(sha256(bytes)) };
}

/** DSSE pre-authentication encoding: what is signed. */
export function preAuthentication(payload, type = PAYLOAD_TYPE) {
  return concat(utf8(`DSSEv1 ${utf8(type).length} ${type} ${payload.length} `), payload);
}
