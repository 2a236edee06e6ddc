/** The manifest `release.json`: docs/SPEC.md sections 6 and 13.5. */
import { hex, unhex } from "./bytes.mjs";
import { decode, MIB } from "./canonical.mjs";
import * as form from "./form.mjs";
import { rootOf, shardsRoot } from "./merkle.mjs";
import { Problem } from "./problem.mjs";
import { sha256 } from "./sha256.mjs";
import { BASE } from "./statement.mjs";
import { parseType } from "./types.mjs";

export const PATH = "release.json";
export const LIMIT = 256 * MIB;
const MAGIC = 4;
const { all, count, distinct, list, map, object, oneOf, orNull, path, positive, rule, text } = form;

const file = { path, bytes: count, sha256: form.sha256 };
const isPowerOfTwo = (value) => Number.isInteger(value) && value >= 1 && value <= 1 << 20 && (value & (value - 1)) === 0;
const nonEmpty = rule("text that is not empty", (value) => typeof value === "string" && value !== "");
const type = (value, where) => {
  text(value, where);
  parseType(value, where);
};

const SOURCE = all(
  object({
    kind: oneOf("parquet", "imagefolder", "hub"),
    locator: orNull(form.releaseName),
    revision: orNull(form.pattern("40 hex characters", /^[0-9a-f]{40}$/)),
    parent: oneOf("private", "public"),
    rows: count,
    root: form.sha256,
    files: list(object({ ...file, rows: count })),
    metadata: orNull(object(file)),
    fileBytes: count,
  }),
  rule("locator and revision of a Hub source, and of no other", ({ kind, locator, revision }) =>
    [locator, revision].every((value) => (value !== null) === (kind === "hub")),
  ),
);

const GROUP = object({ start: count, end: count, sha256: form.sha256, rows: count, root: form.sha256 });
const SHARD = object({
  ...file,
  split: form.pattern("a split", /^[A-Za-z0-9_]{1,64}$/),
  rows: count,
  root: form.sha256,
  rowGroups: list(GROUP),
  footer: object({ start: count, end: count, sha256: form.sha256 }),
});

const DIGESTS = ["string", "binary"];
const IMAGES = ["binary", "struct<bytes:binary>", "struct<bytes:binary,path:string>", "struct<path:string,bytes:binary>"];
/** Which types each role may have. */
const fits = ({ image, text: words, url, declared }) => [
  [image, IMAGES],
  [words, ["string"]],
  [url, ["string"]],
  ...Object.values(declared).map((name) => [name, DIGESTS]),
];
const holdsBytes = ({ name, item, fields }) => name === "binary" || (item ? holdsBytes(item) : (fields ?? []).some((field) => holdsBytes(field.type)));
/** Every role is a column of a type that fits it, and no other column holds bytes: those would be released unscreened. */
function areScreened({ schema, columns }) {
  const types = new Map(schema.map((column) => [column.name, column.type]));
  const screened = [columns.image, ...Object.values(columns.declared)];
  return (
    fits(columns).every(([name, allowed]) => name === null || allowed.includes(types.get(name))) &&
    schema.every((column) => screened.includes(column.name) || !holdsBytes(parseType(column.type)))
  );
}

const roles = ({ image, text: words, url, declared }) => [image, words, url, ...Object.values(declared)].filter((name) => name !== null);
const MANIFEST = all(
  object({
    _type: oneOf(`${BASE}manifest/v0.1`),
    name: form.releaseName,
    version: form.version,
    previous: orNull(object({ version: form.version, manifest: form.sha256 })),
    license: text,
    source: SOURCE,
    schema: all(list(object({ name: nonEmpty, type }), 1), rule("distinct names", (schema) => distinct(schema.map(({ name }) => name)))),
    columns: object({ image: orNull(text), text: orNull(text), url: orNull(text), declared: map(oneOf("md5", "photodna", "sha1", "sha256"), text) }),
    rowGroupRows: rule("2^k, k from 0 to 20", isPowerOfTwo),
    rows: count,
    root: form.sha256,
    keyedRoots: object({ first: form.sha256, last: form.sha256 }),
    shards: list(SHARD),
    planDigest: form.sha256,
    steps: all(list(object({ name: form.plainName, kind: form.plainName }), 1), rule("distinct names", (steps) => distinct(steps.map(({ name }) => name)))),
    separation: orNull(oneOf("none", "minors", "adults")),
    files: all(list(object(file)), rule("README.md, croissant.json", (files) => files.map((entry) => entry.path).join() === "README.md,croissant.json")),
    writer: object({ name: text, version: text, parquet: text }),
  }),
  rule("separation told of a step of kind separate, and of no other", ({ steps, separation }) =>
    steps.some(({ kind }) => kind === "separate") === (separation !== null),
  ),
  rule("each column in one role at most", ({ columns }) => distinct(roles(columns))),
  rule("roles of columns of the schema, each of a type that fits", areScreened),
);

/** Read a manifest: its members, and `digest` (hex). The form holds, sums and roots are still to be checked. */
export function parse(bytes) {
  const manifest = decode(bytes, PATH, LIMIT);
  MANIFEST(manifest, PATH);
  return { ...manifest, digest: hex(sha256(bytes)) };
}

const sum = (items, member) => items.reduce((total, item) => total + item[member], 0);

/** Yield a problem for each sum, range and name that does not hold (`manifest-arithmetic`). */
export function* arithmetic(manifest) {
  const { shards, source, rows } = manifest;
  const holds = [
    [rows === sum(shards, "rows"), "rows", "the sum over the shards"],
    [rows <= source.rows, "rows", "no more rows than the source"],
    [source.files.length === 0 || sum(source.files, "rows") === source.rows, "source", "the sum over its files"],
    ...shards.flatMap((shard) => shardArithmetic(shard, manifest.rowGroupRows)),
    ...shardNames(shards).map((name, at) => [shards[at].path === name, shards[at].path, name]),
  ];
  for (const [held, where, expected] of holds) if (!held) yield new Problem("manifest-arithmetic", `${PATH}: ${where}`, expected, "something else");
}

function shardArithmetic({ path: where, bytes, rows, rowGroups, footer }, groupRows) {
  const ranges = [...rowGroups, footer];
  const starts = [MAGIC, ...rowGroups.map(({ end }) => end)];
  const last = rowGroups.length - 1;
  return [
    [rows === sum(rowGroups, "rows"), where, "the sum over its row groups"],
    [ranges.every(({ start, end }, at) => start === starts[at] && end > start), where, "ranges without a gap from byte 4 on"],
    [footer.end === bytes, where, "a footer to the end of the file"],
    [rowGroups.every((group, at) => (at < last ? group.rows === groupRows : group.rows >= 1 && group.rows <= groupRows)), where, "full row groups"],
  ];
}

/** The names that shards must have: those of a split stand together and count from 0. */
function shardNames(shards) {
  const digits = (number) => String(number).padStart(5, "0");
  const first = new Map();
  const total = new Map();
  for (const [at, { split }] of shards.entries()) {
    if (!first.has(split)) first.set(split, at);
    total.set(split, (total.get(split) ?? 0) + 1);
  }
  return shards.map(({ split }, at) => `data/${split}-${digits(at - first.get(split))}-of-${digits(total.get(split))}.parquet`);
}

/** Yield a problem for each root that does not follow from those below it (`manifest-roots`). */
export function* roots({ shards, root }) {
  for (const shard of shards) {
    const expected = hex(rootOf(shard.rowGroups.map((group) => unhex(group.root))));
    if (shard.root !== expected) yield new Problem("manifest-roots", shard.path, "the root of its row groups", "another");
  }
  const expected = hex(shardsRoot(shards.map((shard) => ({ root: unhex(shard.root), rows: shard.rows }))));
  if (root !== expected) yield new Problem("manifest-roots", PATH, "the root of its shards", "another");
}
