/** Asking a list holder: docs/SPEC.md section 20. Files are read without their age envelope. */
import * as bundle from "./bundle.mjs";
import { compareBytes, concat, equal, hex, u64, utf8 } from "./bytes.mjs";
import { decode } from "./canonical.mjs";
import * as form from "./form.mjs";
import { leafHash, rootOf } from "./merkle.mjs";
import { Problem, under } from "./problem.mjs";
import { hmac, sha256 } from "./sha256.mjs";
import { AUDITORS_LIST, BASE, FRAME, SELF_TEST, TOOL } from "./statement.mjs";

const { count, keyId, list, object, oneOf, orNull, releaseName, rule, text, time } = form;
const HEADER_LIMIT = 64 * 1024;
const WIDTHS = new Map([["md5", 16], ["sha1", 20], ["sha256", 32], ["pdq-full", 256], ["pdq-nearest-512", 256], ["pdq-thumbnail-512", 256]]);
const isPerceptual = (type) => type.startsWith("pdq-");
const types = form.sortedList(oneOf(...WIDTHS.keys()), 1);

const REQUEST = form.all(
  object({
    name: releaseName,
    source: object({ root: form.sha256, rows: count }),
    root: form.sha256,
    types,
    distance: orNull(rule("a distance of at most 64", (value) => Number.isSafeInteger(value) && value <= 64)),
    holder: keyId,
    recipient: text,
    madeOn: time,
    expiresOn: time,
  }),
  rule("a distance where a type is perceptual", (said) => said.types.some(isPerceptual) === (said.distance !== null)),
  rule("an end after the beginning", ({ madeOn, expiresOn }) => madeOn < expiresOn),
);

const ANSWER = form.all(
  object({ request: form.sha256, answer: form.sha256, rows: count, lists: list(AUDITORS_LIST, 1), selfTest: SELF_TEST, tool: TOOL, answeredOn: time }),
  rule("entries in each list", ({ lists }) => lists.every(({ entries }) => Object.values(entries).some((number) => number > 0))),
);

const REQUEST_HEADER = object({ rows: count, types });
const ANSWER_HEADER = object({ matched: count, nonce: form.sha256, request: form.sha256, rows: count });

/** The id of the row at a position of the source (20.1). */
export const rowId = (salt, position, digest) => hmac(salt, concat(u64(position), digest));

/** Read a bundle about a request: its envelope, subject (hex) and predicate. */
function readSigned(bytes, type, predicate) {
  return under("exchange-form", () => {
    const envelope = bundle.parse(bytes, type);
    const said = decode(envelope.payload, type, bundle.LIMIT);
    FRAME(said, type);
    const [{ name, digest }] = said.subject;
    if (said.predicateType !== `${BASE}${type}/v0.1` || name !== "request") throw new Problem("form", type, "this type about a request", "another");
    predicate(said.predicate, type);
    return { envelope, subject: digest.sha256, said: said.predicate };
  });
}

export const readRequest = (bytes) => readSigned(bytes, "screening-request", REQUEST);
export const readAnswer = (bytes) => readSigned(bytes, "screening-answer", ANSWER);

/** A cursor over a file of section 20.2, behind its header. */
function opened(bytes, magic, header) {
  const start = utf8(`${magic}\n`);
  const refuse = (expected) => new Problem("form", magic, expected, "something else");
  if (!equal(bytes.subarray(0, start.length), start) || bytes.length < start.length + 8) throw refuse("its beginning");
  const length = new DataView(bytes.buffer, bytes.byteOffset + start.length, 8).getBigUint64(0);
  let at = start.length + 8;
  if (length > BigInt(HEADER_LIMIT)) throw refuse("a short header");
  const take = (size) => {
    if (at + size > bytes.length) throw refuse("more bytes");
    at += size;
    return bytes.subarray(at - size, at);
  };
  const head = decode(take(Number(length)), magic, HEADER_LIMIT);
  header(head, magic);
  const end = () => {
    if (bytes.subarray(at).some((byte) => byte !== 0)) throw refuse("zeros at the end");
    return hex(sha256(bytes.subarray(0, at)));
  };
  return { head, take, end, refuse };
}

const u16 = (bytes) => bytes[0] * 256 + bytes[1];

/** Take ids that ascend. */
function ascending(refuse) {
  let before = null;
  return (id) => {
    if (before !== null && compareBytes(before, id) >= 0) throw refuse("ids in order, each once");
    before = id;
    return id;
  };
}

/** Check that an opened request is the one that was signed; return its digest, root and ids (hex). */
export function checkRequest(bytes, { subject, said }) {
  const found = under("exchange-form", () => {
    const { head, take, end, refuse } = opened(bytes, "vetted-release-request-v1", REQUEST_HEADER);
    if (head.rows * 32 > bytes.length) throw refuse("more bytes");
    const next = ascending(refuse);
    const records = Array.from({ length: head.rows }, () => {
      const parts = [next(take(32))];
      for (const type of head.types) {
        const number = take(2);
        if (!isPerceptual(type) && u16(number) > 1) throw refuse("one digest of a type");
        parts.push(number, take(u16(number) * WIDTHS.get(type)));
      }
      return parts;
    });
    return { head, ids: records.map(([id]) => hex(id)), root: hex(rootOf(records.map((parts) => leafHash(concat(...parts))))), digest: end() };
  });
  const { head, digest, root, ids } = found;
  if (head.rows !== said.source.rows || head.types.join() !== said.types.join() || digest !== subject || root !== said.root) {
    throw new Problem("exchange-request", "request", "the request that was signed", "another");
  }
  return { digest, root, ids };
}

/** Check that an opened answer is the one that was signed, to this request as a whole; return its digest and ids (hex). */
export function checkAnswer(bytes, request, answer) {
  const refuse = (expected) => new Problem("exchange-answer", "answer", expected, "another");
  const { said } = answer;
  if (answer.subject !== request.subject || said.request !== request.envelope.digest) throw refuse("an answer to this request");
  if (said.rows !== request.said.source.rows) throw refuse("all rows");
  if (said.selfTest.planted === 0 || said.selfTest.caught !== said.selfTest.planted) throw refuse("all canaries");
  if (said.answeredOn < request.said.madeOn || said.answeredOn > request.said.expiresOn) throw new Problem("exchange-expired", "answer");
  const found = under("exchange-form", () => {
    const file = opened(bytes, "vetted-release-answer-v1", ANSWER_HEADER);
    if (file.head.matched > file.head.rows || file.head.matched * 32 > bytes.length) throw file.refuse("at most all rows, and all of them");
    const next = ascending(file.refuse);
    const ids = Array.from({ length: file.head.matched }, () => hex(next(file.take(32))));
    return { ...file.head, ids, digest: file.end() };
  });
  if (found.digest !== said.answer || found.request !== request.envelope.digest || found.rows !== said.rows) throw refuse("the answer that was signed");
  return { digest: found.digest, ids: found.ids };
}
