/** The log's files, C2SP tlog-tiles: docs/SPEC.md sections 10 and 13.2. */
import { concat, equal } from "./bytes.mjs";
import { leafHash, rootOf } from "./merkle.mjs";
import { Problem } from "./problem.mjs";

const WIDTH = 256;
const HASH = 32;
const LARGEST_ENTRY = 65535;

/** The largest size of a file below log/tile: an entry bundle's. */
export const TILE_LIMIT = WIDTH * (2 + LARGEST_ENTRY);

/** Write a tile's number as tlog-tiles does: 1234067 is x001/x234/067. */
function numberPath(number) {
  const groups = [];
  for (let rest = number; groups.length === 0 || rest > 0; rest = Math.floor(rest / 1000)) groups.unshift(String(rest % 1000).padStart(3, "0"));
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
}

/** The tiles of one level over `size` hashes: path below log/, and how many hashes each holds. */
function levelTiles(folder, size) {
  const tiles = [];
  for (let start = 0; start < size; start += WIDTH) {
    const width = Math.min(WIDTH, size - start);
    tiles.push({ path: `tile/${folder}/${numberPath(start / WIDTH)}${width < WIDTH ? `.p/${width}` : ""}`, width });
  }
  return tiles;
}

/** The sizes of all levels of a tree: level 0 has a hash for each entry, each next level one for each full tile. */
function levelSizes(size) {
  const sizes = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / WIDTH)) sizes.push(rest);
  return sizes;
}

/** The entry bundles of a log of this size: path below log/, and how many entries each holds. */
export const entryTiles = (size) => levelTiles("entries", size);

/** All files that a log of this size has below log/, but the checkpoint. */
export function tilePaths(size) {
  return [...entryTiles(size), ...levelSizes(size).flatMap((width, level) => levelTiles(level, width))].map(({ path }) => path);
}

/**
 * Check every file below log/ against a checkpoint's size and root; return the entries.
 *
 * `paths` are those below log/ but the checkpoint; `read(path, limit)` returns a file's bytes.
 */
export async function checkTiles({ size, root }, paths, read) {
  checkListing(size, new Set(paths));
  const entries = [];
  for (const { path, width } of entryTiles(size)) entries.push(...splitTile(await read(path, TILE_LIMIT), width, path));
  const leaves = entries.map(leafHash);
  let hashes = leaves;
  for (const [level, width] of levelSizes(size).entries()) {
    await checkLevel(level, hashes, width, read);
    hashes = fullTiles(hashes).map(rootOf);
  }
  if (!equal(rootOf(leaves), root)) throw new Problem("log-root", "log/checkpoint", "the root of the entries", "another");
  return entries;
}

/** The files of a log of these entries: path below log/ -> bytes, but for the checkpoint. */
export function* layTiles(entries) {
  const bundled = (entry) => concat(Uint8Array.of(entry.length >> 8, entry.length & 255), entry);
  for (const [at, { path, width }] of entryTiles(entries.length).entries()) {
    yield [path, concat(...entries.slice(at * WIDTH, at * WIDTH + width).map(bundled))];
  }
  let hashes = entries.map(leafHash);
  for (let level = 0; hashes.length > 0; level += 1) {
    for (const [at, { path, width }] of levelTiles(level, hashes.length).entries()) yield [path, concat(...hashes.slice(at * WIDTH, at * WIDTH + width))];
    hashes = fullTiles(hashes).map(rootOf);
  }
}

function checkListing(size, found) {
  // The count comes first: a hostile size must not make us list more files than are there.
  const count = [size, ...levelSizes(size)].reduce((total, width) => total + Math.ceil(width / WIDTH), 0);
  if (count !== found.size) throw new Problem("log-files", "log/", `${count} files for ${size} entries`, `${found.size}`);
  const expected = tilePaths(size);
  const missing = expected.find((path) => !found.has(path));
  if (missing) throw new Problem("log-files", `log/${missing}`, "a file", "none");
  const known = new Set(expected);
  const extra = [...found].find((path) => !known.has(path));
  if (extra) throw new Problem("log-files", `log/${extra}`, `the files of ${size} entries`, "another file");
}

async function checkLevel(level, hashes, size, read) {
  for (const [at, { path, width }] of levelTiles(level, size).entries()) {
    const expected = concat(...hashes.slice(at * WIDTH, at * WIDTH + width));
    if (!equal(await read(path, WIDTH * HASH), expected)) {
      throw new Problem(level === 0 ? "log-entry" : "log-tile", `log/${path}`, "the hashes of what lies below", "others");
    }
  }
}

function fullTiles(hashes) {
  const full = Math.floor(hashes.length / WIDTH);
  return Array.from({ length: full }, (_, at) => hashes.slice(at * WIDTH, (at + 1) * WIDTH));
}

/** Take an entry bundle apart: u16(length) || entry, `count` times, and nothing after. */
export function splitTile(bundle, count, path) {
  const entries = [];
  let at = 0;
  while (at < bundle.length && entries.length <= count) {
    const length = at + 1 < bundle.length ? bundle[at] * 256 + bundle[at + 1] : 0;
    if (length === 0 || at + 2 + length > bundle.length) break;
    entries.push(bundle.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  if (entries.length !== count || at !== bundle.length) throw new Problem("log-entry", `log/${path}`, `${count} entries`, "other bytes");
  return entries;
}
