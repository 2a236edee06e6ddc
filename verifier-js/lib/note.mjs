/** Verifier keys, signed notes, checkpoints and cosignatures (C2SP): docs/SPEC.md sections 7, 10 and 13.2. */
import { equal, hex, text, unbase64, utf8 } from "./bytes.mjs";
import { noteKey, verifyEd25519 } from "./keys.mjs";
import { Problem } from "./problem.mjs";
import { sha256 } from "./sha256.mjs";

export const LIMIT = 1 << 16;
export const LOG = 1;
export const WITNESS = 4;
const NAME = /^[^\s\u0085\p{Cc}+]+$/u;

/** Read a vkey `name+hex8+base64(type || key)`: its name, type, 4-byte id and 32-byte key. */
export function parseVkey(vkey, where = "vkey") {
  const parts = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/su.exec(typeof vkey === "string" ? vkey : "");
  const bytes = parts && unbase64(parts[3], where);
  if (!bytes || !NAME.test(parts[1]) || bytes.length !== 33 || ![LOG, WITNESS].includes(bytes[0])) {
    throw new Problem("form", where, "a verifier key of type 01 or 04", "something else");
  }
  const id = sha256(utf8(`${parts[1]}\n`), bytes).slice(0, 4);
  if (hex(id) !== parts[2]) throw new Problem("form", where, "the id of name and key", "another id");
  return { vkey, name: parts[1], type: bytes[0], id, raw: bytes.slice(1) };
}

/** Read a signed checkpoint: note text, origin, size, root (bytes) and signature lines. No signature is checked. */
export function parseSigned(bytes, where = "log/checkpoint") {
  const refuse = (expected) => {
    throw new Problem("checkpoint-form", where, expected, "something else");
  };
  if (bytes.length > LIMIT) refuse(`at most ${LIMIT} bytes`);
  const parts = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([^\n]+)\n\n((?:\u2014 [^ \n]+ [^ \n]+\n)+)$/u.exec(text(bytes, where));
  if (parts === null) refuse("origin, size, root, an empty line and signature lines");
  const [, origin, size, root, lines] = parts;
  const hash = unbase64(root, where);
  if (!NAME.test(origin) || !Number.isSafeInteger(Number(size)) || hash.length !== 32) refuse("an origin, a size and a root of 32 bytes");
  return { text: `${origin}\n${size}\n${root}\n`, origin, size: Number(size), root: hash, lines: lines.trimEnd().split("\n").map(readLine) };
}

function readLine(line) {
  const [, name, encoded] = line.split(" ");
  const bytes = unbase64(encoded, "log/checkpoint");
  if (!NAME.test(name) || bytes.length < 5) throw new Problem("checkpoint-form", "log/checkpoint", "a signature line", "something else");
  return { name, id: bytes.slice(0, 4), signature: bytes.slice(4) };
}

const isBy = (line, key) => line.name === key.name && equal(line.id, key.id);

/** Check all lines of a checkpoint; return the time in seconds of each witness's cosignature, by its vkey. */
export async function verifySigned(signed, log, witnesses) {
  if (signed.origin !== log.name) throw new Problem("checkpoint-origin", "log/checkpoint", log.name, signed.origin);
  const [first, ...others] = signed.lines;
  if (!isBy(first, log) || !(await isSigned(log, first.signature, signed.text))) refuseLine(first, "the log's signature first");
  const times = new Map();
  for (const line of others) {
    const key = [log, ...witnesses].find((known) => isBy(line, known));
    if (!key) throw new Problem("checkpoint-unknown-key", "log/checkpoint", "a key of the trust file", line.name);
    if (key === log || times.has(key.vkey)) refuseLine(line, "one line by each key");
    times.set(key.vkey, await cosignedAt(key, line, signed.text));
  }
  return times;
}

function refuseLine(line, expected) {
  throw new Problem("checkpoint-signature", "log/checkpoint", expected, `a line by ${line.name}`);
}

const isSigned = async (key, signature, message) => verifyEd25519(await noteKey(key.raw), signature, utf8(message));

/** Check a cosignature (tlog-cosignature v1) and return its time in seconds. */
async function cosignedAt(key, line, message) {
  if (line.signature.length !== 72) refuseLine(line, "8 bytes of time and 64 of signature");
  const time = new DataView(line.signature.buffer, line.signature.byteOffset).getBigUint64(0);
  if (time >= 1n << 63n) refuseLine(line, "a time below 2^63 seconds");
  if (!(await isSigned(key, line.signature.slice(8), `cosignature/v1\ntime ${time}\n${message}`))) refuseLine(line, "a cosignature of its time and text");
  return Number(time);
}
