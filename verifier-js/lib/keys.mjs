/** Public keys that sign statements: docs/SPEC.md section 7. */
import { base64, compareBytes, concat, equal, unbase64, unhex, utf8 } from "./bytes.mjs";
import { Problem } from "./problem.mjs";
import { sha256 } from "./sha256.mjs";

const FRAME = /^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END PUBLIC KEY-----\n$/;
const ED25519_PREFIX = unhex("302a300506032b6570032100");
const P256_PREFIX = unhex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
const ED25519_ORDER = unhex("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed");
const P256_ORDER = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
const P256_HALF_ORDER = unhex("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8");
const ED25519 = { name: "Ed25519" };
const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A public key: `kind` is `ed25519` or `p256`, `raw` its 32 bytes or its uncompressed point. */
export class PublicKey {
  /** Read a PEM: the one form that OpenSSL writes, of a key that WebCrypto takes. */
  static async fromPem(pem, where = "key") {
    const { kind, raw } = dissect(pem, where);
    const key = await imported(raw, kind === "ed25519" ? ED25519 : P256, where);
    return new PublicKey(kind, raw, key);
  }

  constructor(kind, raw, key) {
    this.kind = kind;
    this.raw = raw;
    this.key = key;
    this.fingerprint = sha256(sshBlob(kind, raw));
    this.keyid = `SHA256:${base64(this.fingerprint).replace("=", "")}`;
  }

  /** Tell whether a signature over these bytes is this key's. */
  async signed(signature, bytes) {
    if (this.kind === "ed25519") return verifyEd25519(this.key, signature, bytes);
    const raw = readDer(signature);
    return raw !== null && crypto.subtle.verify(P256, this.key, raw, bytes);
  }
}

function dissect(pem, where) {
  const body = FRAME.exec(pem)?.[1] ?? "";
  const der = unbase64(body.replaceAll("\n", ""), where);
  const lines = base64(der).match(/.{1,64}/g) ?? [];
  const startsWith = (prefix, length) => der.length === prefix.length + length && equal(der.subarray(0, prefix.length), prefix);
  if (lines.join("\n") === body) {
    if (startsWith(ED25519_PREFIX, 32)) return { kind: "ed25519", raw: der.slice(ED25519_PREFIX.length) };
    if (startsWith(P256_PREFIX, 65) && der[P256_PREFIX.length] === 4) return { kind: "p256", raw: der.slice(P256_PREFIX.length) };
  }
  throw new Problem("form", where, "an Ed25519 or P-256 key in its one PEM form", "something else");
}

async function imported(raw, algorithm, where) {
  try {
    return await crypto.subtle.importKey("raw", raw, algorithm, true, ["verify"]);
  } catch {
    throw new Problem("form", where, "a point of the curve", "other bytes");
  }
}

/** An Ed25519 key out of its 32 bytes, for note signatures. */
export const noteKey = (raw) => imported(raw, ED25519, "vkey");

/** Check an Ed25519 signature; a scalar that is not reduced is refused here, whatever the platform thinks of it. */
export async function verifyEd25519(key, signature, bytes) {
  if (signature.length !== 64) return false;
  const scalar = signature.slice(32).reverse();
  return compareBytes(scalar, ED25519_ORDER) < 0 && crypto.subtle.verify(ED25519, key, signature, bytes);
}

function sshBlob(kind, raw) {
  const names = kind === "ed25519" ? ["ssh-ed25519"] : ["ecdsa-sha2-nistp256", "nistp256"];
  return concat(...[...names.map(utf8), raw].flatMap((part) => [Uint8Array.of(0, 0, 0, part.length), part]));
}

/** Read SEQUENCE { INTEGER r, INTEGER s } in DER, with s at most n/2; return r || s, or null for any other bytes. */
function readDer(der) {
  if (der.length < 2 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const r = readInteger(der, 2);
  const s = r && readInteger(der, r.end);
  if (!s || s.end !== der.length || compareBytes(r.bytes, P256_ORDER) >= 0 || compareBytes(s.bytes, P256_HALF_ORDER) > 0) return null;
  return concat(r.bytes, s.bytes);
}

/** Read a positive DER INTEGER of at most 32 bytes as exactly 32. */
function readInteger(der, at) {
  const length = der[at + 1];
  const body = der.subarray(at + 2, at + 2 + length);
  if (der[at] !== 2 || !(length >= 1) || length > 33 || body.length !== length || body[0] & 0x80) return null;
  const isPadded = body[0] === 0;
  if ((isPadded && !(body[1] & 0x80)) || (!isPadded && length === 33)) return null; // also refuses zero
  const magnitude = isPadded ? body.subarray(1) : body;
  const bytes = new Uint8Array(32);
  bytes.set(magnitude, 32 - magnitude.length);
  return { bytes, end: at + 2 + length };
}
