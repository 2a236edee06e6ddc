/** Encodings and digests of rows, keyed trees and list commitments: docs/SPEC.md sections 3, 4, 15 and 17. */
import { compareBytes, concat, hex, u64, utf8 } from "./bytes.mjs";
import { rootOf, shardsRoot } from "./merkle.mjs";
import { hmac, sha256 } from "./sha256.mjs";
import { parseType } from "./types.mjs";

const prefixed = (bytes) => concat(u64(bytes.length), bytes);
const tagged = (tag, ...parts) => concat(Uint8Array.of(tag), ...parts);

/** Eight bytes of a double; every NaN is one. */
function double(number) {
  const bytes = new Uint8Array(8);
  if (Number.isNaN(number)) bytes.set([0x7f, 0xf8]);
  else new DataView(bytes.buffer).setFloat64(0, number);
  return bytes;
}

/**
 * E(v) of section 3.1. `type` is a type's text, or what parseType made of it.
 *
 * Values: null, booleans, BigInt for whole numbers, dates and times, numbers for floats, text, Uint8Array, and arrays for lists
 * and for the fields of a struct in order.
 */
export function encodeValue(type, value) {
  if (typeof type === "string") return encodeValue(parseType(type), value);
  if (value === null) return Uint8Array.of(0);
  const family = type.name.replace(/(?<=int|float|date|time)(?:8|16|32|64)?(?:\[.*\])?$/u, "").replace(/\[.*\]$/u, "");
  return ENCODERS[family](value, type);
}

const moment = (value) => tagged(7, u64(value));
const ENCODERS = {
  bool: (value) => tagged(1, Uint8Array.of(value ? 1 : 0)),
  int: (value) => tagged(2, u64(value)),
  uint: (value) => tagged(3, u64(value)),
  float: (value) => tagged(4, double(value)),
  string: (value) => tagged(5, prefixed(utf8(value))),
  binary: (value) => tagged(6, u64(value.length), sha256(value)),
  date: moment,
  time: moment,
  timestamp: moment,
  duration: moment,
  list: (value, { item }) => tagged(8, u64(value.length), ...value.map((element) => encodeValue(item, element))),
  struct: (value, { fields }) => tagged(9, u64(fields.length), ...fields.flatMap(({ name, type }, at) => [prefixed(utf8(name)), encodeValue(type, value[at])])),
};

/** The digest of one column of a row (3.2). */
export const columnDigest = ({ name, type }, value) => sha256(utf8("C"), prefixed(utf8(name)), encodeValue(type, value));

/** The digest of a row, out of its column digests in schema order (3.2). */
export const rowDigest = (columns) => sha256(utf8("R"), ...columns);

/** The roots of a shard's row groups (3.3). */
export function groupRoots(digests, groupRows) {
  const groups = Math.ceil(digests.length / groupRows);
  return Array.from({ length: groups }, (_, at) => rootOf(digests.slice(at * groupRows, (at + 1) * groupRows).map(leaf)));
}

const leaf = (data) => sha256(Uint8Array.of(0), data);
const GONE = new Uint8Array(32);

/** The keyed tree after one boundary (section 4): `shards` holds row digests, `gone` the positions that are gone in each. */
export function keyedBoundary({ rowKey, matchKey, shards, gone, boundary }) {
  const leaves = shards.map((digests, shard) => digests.map((digest, at) => (gone[shard].has(at) ? GONE : hmac(rowKey, digest))));
  const roots = leaves.map((hashes) => rootOf(hashes.map(leaf)));
  const root = shardsRoot(roots.map((hash, at) => ({ root: hash, rows: shards[at].length })));
  return { leaves, shardRoots: roots, root, commitment: hmac(matchKey, u64(boundary), root) };
}

/** The commitment to a list (section 17): `entries` is a Map from a type to its entries as bytes. */
export function listCommitment(matchKey, entries) {
  const parts = [...entries.keys()].sort().flatMap((type) => {
    const sorted = sortedDistinct(entries.get(type));
    return [prefixed(utf8(type)), u64(sorted.length), ...sorted];
  });
  return hmac(matchKey, ...parts);
}

/** The keyed entries of one type of a list (section 15), in the order of the entries' bytes. */
export const keyedEntries = (matchKey, type, entries) => sortedDistinct(entries).map((entry) => hmac(matchKey, utf8(`${type}\0`), entry));

const sortedDistinct = (entries) => [...new Map(entries.map((entry) => [hex(entry), entry])).values()].sort(compareBytes);

/** The bits of a number: floor(log2) + 1, without the rounding of a logarithm. */
const bitLength = (number) => number.toString(2).length;

/** The smallest padded length that is not below a length (section 15, Padmé). */
export function padded(length) {
  if (length < 2) return length;
  const e = bitLength(length) - 1;
  const unit = 2 ** Math.max(e - bitLength(e), 0);
  return Math.ceil(length / unit) * unit;
}
