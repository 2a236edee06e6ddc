#!/usr/bin/env node
/**
 * The second verifier on a command line. The modules in lib/ touch no file system; this front end reads the folder for them.
 *
 *     node verifier-js/cli.mjs verify DIR --trust FILE [--state FILE] [--now TIME]
 *
 * It prints the report as JSON and exits with the code of the verdict (docs/SPEC.md section 14): 0 verified, 1 failed, 3 stale,
 * 4 withdrawn, 5 incomplete; 2 is a usage error. With --state it remembers the log after a run that ends verified.
 */
import { constants, promises as fs } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readSeen } from "./lib/continuity.mjs";
import { time as timeRule } from "./lib/form.mjs";
import { Problem } from "./lib/problem.mjs";
import { verify } from "./lib/verify.mjs";

const USAGE = "node cli.mjs verify DIR --trust FILE [--state FILE] [--now YYYY-MM-DDTHH:MM:SSZ]";
const PIECE = 1 << 22;

/** A folder as verify.mjs wants it. No link is followed; one into the Hub cache's own blobs stands for the blob (SPEC section 5). */
async function folderSource(root) {
  const place = await fs.realpath(root);
  const cache = /\/snapshots\/[0-9a-f]{40}$/.test(place) ? join(place, "../../blobs") : null;
  const folder = { root, blobs: cache !== null && (await isFolder(cache)) ? cache : null, places: new Map(), inodes: new Map() };
  return { list: () => below(folder, "", Buffer.from(root)), stream: (path) => pieces(folder.places.get(path) ?? join(root, path)) };
}

const isFolder = (path) => fs.lstat(path).then((status) => status.isDirectory(), () => false);

/** Add what lies in a folder, and below it, to `files`. Places are bytes: a name need not be UTF-8. */
async function below(folder, prefix, place, files = []) {
  for (const name of (await fs.readdir(place, { encoding: "buffer" })).sort(Buffer.compare)) {
    const path = prefix + nameOf(name);
    const at = Buffer.concat([place, Buffer.from("/"), name]);
    const status = await fs.lstat(at, { bigint: true });
    if (status.isDirectory()) await below(folder, `${path}/`, at, files);
    else files.push(await described(folder, path, status));
  }
  return files;
}

/** A file's name as text; each byte of one that is not UTF-8 becomes a lone surrogate where it is not ASCII, for which the name is refused. */
function nameOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join("");
  }
}

async function described(folder, path, status) {
  const blob = status.isSymbolicLink() ? await blobOf(folder, path) : null;
  if (blob !== null) {
    folder.places.set(path, blob.place);
    return { path, size: blob.size, kind: "file" };
  }
  return { path, size: Number(status.size), kind: status.isFile() ? firstName(folder, path, status) : kindOf(status) };
}

/** The blob in the cache's own folder for which a link stands, or null. */
async function blobOf({ root, blobs }, path) {
  if (blobs === null) return null;
  const target = await fs.readlink(join(root, path)).catch(() => "");
  const up = "../".repeat(path.split("/").length + 1);
  const name = target.startsWith(`${up}blobs/`) ? target.slice(`${up}blobs/`.length) : "";
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(name)) return null;
  const place = join(blobs, name);
  const status = await fs.lstat(place).catch(() => null);
  return status?.isFile() ? { place, size: status.size } : null;
}

/** "file", or of which other path this is the same file. */
function firstName({ inodes }, path, { dev, ino }) {
  const key = `${dev} ${ino}`;
  if (!inodes.has(key)) inodes.set(key, path);
  return inodes.get(key) === path ? "file" : `the same file as ${inodes.get(key)}`;
}

const kindOf = (status) => (status.isSymbolicLink() ? "a symbolic link" : "neither file nor folder");

/** Read a file piece by piece; a link, or a pipe that took a file's place, is not opened or does not hold us. */
async function* pieces(path) {
  const file = await fs.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const buffer = new Uint8Array(PIECE);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PIECE);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Read the command line; throws a TypeError or Problem where it is not as USAGE says. */
function readArguments(words) {
  const options = { trust: { type: "string" }, state: { type: "string" }, now: { type: "string" } };
  const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true });
  const [command, folder, ...more] = positionals;
  if (command !== "verify" || !folder || more.length > 0 || !values.trust) throw new TypeError(`usage: ${USAGE}`);
  if (values.now !== undefined) timeRule(values.now, "--now");
  return { folder, ...values, now: Math.floor((values.now ? Date.parse(values.now) : Date.now()) / 1000) };
}

async function readState(path) {
  if (path === undefined) return null;
  const bytes = await fs.readFile(path).catch((error) => (error.code === "ENOENT" ? null : Promise.reject(error)));
  if (bytes !== null) readSeen(new Uint8Array(bytes));
  return bytes && new Uint8Array(bytes);
}

async function main() {
  const { folder, trust, state, now } = readArguments(process.argv.slice(2));
  const input = { trust: new Uint8Array(await fs.readFile(trust)), now, seen: await readState(state) };
  await fs.readdir(folder);
  const { exitCode, seen, ...report } = await verify(await folderSource(folder), input);
  if (state !== undefined && seen !== null) await remember(state, input.seen, seen);
  console.log(JSON.stringify(report, null, 2));
  process.exitCode = exitCode;
}

/** Replace the state file as a whole, or not at all; what is remembered of one line is never lost to another, nor what another run saw. */
async function remember(path, before, seen) {
  if (before !== null && readSeen(before).origin !== readSeen(seen).origin) {
    console.error(`verify: ${path} remembers another line; name a place of its own for each line with --state`);
    return;
  }
  const held = await readState(path);
  if ((held === null) !== (before === null) || (held !== null && Buffer.compare(held, before) !== 0)) {
    console.error(`verify: another run changed ${path} meanwhile; verify again, which compares with that`);
    return;
  }
  const fresh = `${path}.${process.pid}.new`;
  await fs.writeFile(fresh, seen);
  await fs.rename(fresh, path);
}

main().catch((error) => {
  const isExpected = error instanceof Problem || error.code !== undefined || error.message.startsWith("usage:");
  console.error(isExpected ? `verify: ${error.message}` : error);
  process.exitCode = 2;
});
