/** Receipts of exports: docs/SPEC.md section 19, its form, its record and its rows. */
import { concat, hex, u64, unbase64, unhex, utf8 } from "./bytes.mjs";
import { decode, encode, MIB } from "./canonical.mjs";
import * as form from "./form.mjs";
import * as manifests from "./manifest.mjs";
import { leafHash, nodeHash } from "./merkle.mjs";
import { Problem, under } from "./problem.mjs";
import { rowDigest } from "./rows.mjs";
import { sha256 } from "./sha256.mjs";
import { BASE } from "./statement.mjs";
import { layTiles } from "./tiles.mjs";

const LIMIT = 512 * MIB;
const JSONL = "jsonl";
const { count, list, object, oneOf, orNull, text } = form;

const bytesOf = (encoded) => unbase64(encoded, "receipt");
const base64 = form.rule("base64", (value) => typeof value === "string" && (bytesOf(value), true));
const ROW = object({
  shard: count,
  row: count,
  columns: list(form.sha256),
  image: orNull(object({ bytes: count, path: orNull(text), sha256: form.sha256 })),
  text: orNull(text),
});
const RECEIPT = object({
  _type: oneOf(`${BASE}receipt/v0.1`),
  manifest: form.mapping,
  checkpoint: text,
  entries: list(base64, 1),
  layout: oneOf("imagefolder", "kohya", "webdataset", JSONL),
  columns: list(text, 1),
  rows: list(ROW, 1),
  proof: list(base64),
});

/** Read a receipt (19.1); where the manifest in it is none, the code is that of the manifest. */
export function parse(bytes) {
  const value = under("receipt", () => {
    const found = decode(bytes, "receipt", LIMIT);
    RECEIPT(found, "receipt");
    return { ...found, entries: found.entries.map(bytesOf), proof: found.proof.map(bytesOf) };
  });
  under("manifest", () => manifests.parse(utf8(encode(value.manifest, "manifest"))));
  return check(value);
}

const must = (holds, where, expected) => {
  if (!holds) throw new Problem("receipt", where, expected, "something else");
};

function check(receipt) {
  const { manifest, columns, layout, rows, proof, entries } = receipt;
  const names = manifest.schema.map(({ name }) => name);
  must(names.filter((name) => columns.includes(name)).join("\0") === columns.join("\0"), "columns", "columns in schema order");
  must(columns.includes(manifest.columns.image) === (layout !== JSONL), "columns", "the image column for pictures, and for no others");
  must(entries.every(({ length }) => length > 0), "entries", "entries that are not empty");
  must(proof.every(({ length }) => length === 32), "proof", "hashes of 32 bytes");
  const isAfter = (one, other) => one.shard > other.shard || (one.shard === other.shard && one.row > other.row);
  must(rows.every((row, at) => at === 0 || isAfter(row, rows[at - 1])), "rows", "rows in order, none twice");
  rows.forEach((row, at) => checkRow(receipt, row, `rows[${at}]`));
  return receipt;
}

function checkRow(receipt, { shard, row, columns, image, text: caption }, where) {
  const { manifest, layout } = receipt;
  must(shard < manifest.shards.length && row < manifest.shards[shard].rows, where, "a row of the release");
  must((image === null) === (layout === JSONL), where, "a picture for layouts with pictures");
  must(columns.length === digested(receipt).length, where, "a digest for each column");
  if (image !== null && image.path !== null) must(imageColumn(manifest).type.includes("path:"), where, "no path");
  if (caption === null) return;
  const name = manifest.columns.text;
  must(layout === "kohya" && receipt.columns.includes(name) && lineForm(caption) !== caption, where, "no text");
  must(hex(columnOf(name, textValue(caption))) === columns[digested(receipt).indexOf(name)], where, "the row's text");
}

const imageColumn = ({ schema, columns }) => schema.find(({ name }) => name === columns.image);
const digested = ({ manifest, layout }) =>
  manifest.schema.map(({ name }) => name).filter((name) => layout === JSONL || name !== manifest.columns.image);

/** A text as one line without control characters. */
export const lineForm = (value) => value.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").replace(/^ +| +$/g, "");

const prefixed = (bytes) => concat(u64(bytes.length), bytes);
const textValue = (value) => concat(Uint8Array.of(5), prefixed(utf8(value)));
const columnOf = (name, value) => sha256(utf8("C"), prefixed(utf8(name)), value);

/** The digest of the image column, out of length, SHA-256 and path. */
function imageDigest({ name, type }, { bytes, sha256: digest, path }) {
  const content = concat(Uint8Array.of(6), u64(bytes), unhex(digest));
  if (type === "binary") return columnOf(name, content);
  const values = { bytes: content, path: path === null ? Uint8Array.of(0) : textValue(path) };
  const fields = type.slice("struct<".length, -1).split(",").map((field) => field.split(":")[0]);
  return columnOf(name, concat(Uint8Array.of(9), u64(fields.length), ...fields.flatMap((field) => [prefixed(utf8(field)), values[field]])));
}

/** The digest of a row of a receipt. */
export function digestOf({ manifest }, { columns, image }) {
  const digests = columns.map(unhex);
  const column = imageColumn(manifest);
  if (image !== null) digests.splice(manifest.schema.indexOf(column), 0, imageDigest(column, image));
  return rowDigest(digests);
}

/** Check that the rows are in the row groups of the manifest (19.3). */
export function checkRows(receipt) {
  const { manifest, rows, proof } = receipt;
  const size = manifest.rowGroupRows;
  const groups = new Map();
  for (const row of rows) {
    const key = `${row.shard}/${Math.floor(row.row / size)}`;
    if (!groups.has(key)) groups.set(key, { group: manifest.shards[row.shard].rowGroups[Math.floor(row.row / size)], leaves: new Map() });
    groups.get(key).leaves.set(row.row % size, leafHash(digestOf(receipt, row)));
  }
  const rest = proof.values();
  for (const { group, leaves } of groups.values()) {
    const root = hex(subtree(leaves, 0, group.rows, rest));
    if (root !== group.root) throw new Problem("receipt-proof", "rows", group.root, root);
  }
  if (!rest.next().done) throw new Problem("receipt-proof", "proof", "no more hashes", "more");
}

/** P(a, b) of section 19. */
function subtree(leaves, a, b, rest) {
  if (![...leaves.keys()].some((position) => a <= position && position < b)) {
    const { value, done } = rest.next();
    if (done) throw new Problem("receipt-proof", "proof", "another hash", "none");
    return value;
  }
  if (b - a === 1) return leaves.get(a);
  let split = 1;
  while (split * 2 < b - a) split *= 2;
  const left = subtree(leaves, a, a + split, rest);
  return nodeHash(left, subtree(leaves, a + split, b, rest));
}

/** Manifest and log of a receipt as a verifier reads a folder. */
export function recordOf({ manifest, checkpoint, entries }) {
  const files = new Map([
    [manifests.PATH, utf8(encode(manifest, "manifest"))],
    ["log/checkpoint", utf8(checkpoint)],
    ...[...layTiles(entries)].map(([path, bytes]) => [`log/${path}`, bytes]),
  ]);
  return {
    list: () => [...files].map(([path, bytes]) => ({ path, size: bytes.length, kind: "file" })),
    stream: async function* (path) {
      yield files.get(path);
    },
  };
}
