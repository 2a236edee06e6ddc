/** JSON in its one form: docs/SPEC.md section 1 (RFC 8785, whole numbers only). */
import { equal, text, utf8 } from "./bytes.mjs";
import { Problem } from "./problem.mjs";

export const MIB = 1 << 20;
const DEPTH = 16;

/** Read a document: one object of at most `limit` bytes, in the very bytes that RFC 8785 gives it. */
export function decode(bytes, where, limit) {
  if (bytes.length > limit) throw new Problem("form", where, `at most ${limit} bytes`, `${bytes.length}`);
  const value = parse(text(bytes, where), where);
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Problem("form", where, "an object", "another value");
  // A member that stands twice, a space, another order or escape: all come out as other bytes.
  if (!equal(utf8(encode(value, where)), bytes)) throw new Problem("form", where, "the RFC 8785 form", "other bytes");
  return value;
}

function parse(document, where) {
  try {
    return JSON.parse(document);
  } catch {
    throw new Problem("form", where, "JSON", "something else");
  }
}

/** Write a value in its RFC 8785 form; what section 1 does not allow is refused. */
export function encode(value, where, depth = 1) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return number(value, where);
  if (typeof value === "string") return string(value, where);
  if (depth > DEPTH) throw new Problem("form", where, `at most ${DEPTH} levels`, "more");
  if (Array.isArray(value)) return `[${value.map((item) => encode(item, where, depth + 1)).join(",")}]`;
  // Without a comparison function, sort() orders by UTF-16 code units, as RFC 8785 does.
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${string(name, where)}:${encode(value[name], where, depth + 1)}`).join(",")}}`;
}

function number(value, where) {
  if (!Number.isSafeInteger(value) || value < 0) throw new Problem("form", where, "a whole number from 0 to 2^53 - 1", "another number");
  return String(value);
}

function string(value, where) {
  // JSON.stringify escapes exactly what RFC 8785 escapes, once there are no lone surrogates.
  if (/\p{Surrogate}/u.test(value)) throw new Problem("form", where, "text", "a lone surrogate");
  return JSON.stringify(value);
}
