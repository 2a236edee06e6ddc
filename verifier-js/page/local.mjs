/** A folder that a person chose or dropped, as verify.mjs wants it. A browser shows no links, and does not tell second names of one file. */
import { equal } from "../lib/bytes.mjs";
import { outsideTheProof } from "../lib/folder.mjs";

/** Up to here a file is hashed as a whole by WebCrypto, several times as fast; above, or without the memory for it, piece by piece. */
const WHOLE = 1 << 29;
const PIECE = 1 << 22;
const MAGIC = /^PAR[1E]$/;

/** The source of files [{path, file, odd}]; `file` is null where the browser could not open it, `odd` says what else is wrong with it. */
export async function localSource(files) {
  const opened = new Map(files.map(({ path, file }) => [path, file]));
  const data = await hiddenData(files);
  const kindOf = (file) => (file === null ? "something that the browser cannot read" : data.has(file) ? "a data file outside the proof" : "file");
  const listed = files.map(({ path, file, odd }) => ({ path, size: file?.size ?? 0, kind: odd ?? kindOf(file) }));
  return {
    list: () => listed,
    digest: async (path) => {
      const file = opened.get(path);
      const bytes = file.size > WHOLE ? null : await file.arrayBuffer().catch(() => null);
      return bytes && new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    },
    stream: async function* (path) {
      const file = opened.get(path);
      for (let at = 0; at < file.size; at += PIECE) yield new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
    },
  };
}

/**
 * The files outside the proof that end as a Parquet file does.
 *
 * A browser shows no links, so one in data/ might lead to a file that nobody vouches for, and a reader of the data would take it. What such a link
 * could bring has to be Parquet.
 */
async function hiddenData(files) {
  const outside = new Set(outsideTheProof(files.map(({ path }) => path)));
  const found = new Set();
  for (const { path, file } of files) {
    if (outside.has(path) && file !== null && MAGIC.test(await file.slice(-4).text().catch(() => ""))) found.add(file);
  }
  return found;
}

/** Tell whether files hold a copy of a trust file. */
export async function holdsCopy(files, trust) {
  const copy = files?.find(({ path }) => path === "trust.json")?.file;
  return copy?.size === trust.length && equal(new Uint8Array(await copy.arrayBuffer().catch(() => new ArrayBuffer())), trust);
}

const below = (path) => path.slice(path.indexOf("/") + 1);

/** The files of a chosen folder: [{path, file}], paths below it. */
export function chosenFiles(input) {
  const files = [...input.files].map((file) => ({ path: below(pathOf(file)), file }));
  const counts = new Map();
  for (const { path } of files) counts.set(path, (counts.get(path) ?? 0) + 1);
  return files.map((entry) => (counts.get(entry.path) > 1 ? { ...entry, odd: "one of several files that the browser shows under one path" } : entry));
}

/** The path of a chosen file. Chromium writes a backslash in it as a slash, so that `data\\x` would pass for `data/x`; the name itself it leaves alone. */
const pathOf = ({ webkitRelativePath: path, name }) => path.slice(0, path.length - name.length) + name;

/**
 * Chosen files, and what the handle of their folder names and they lack, with `file: null`.
 *
 * A chosen folder comes without the names that are not UTF-8, and a handle hides files of other odd names; each shows what the other does not.
 * A path below a folder that the handle does not name has a backslash somewhere, and gets one.
 */
export async function withHandle(files, handle) {
  const [named, folders] = await namesIn(handle);
  const paths = new Set(files.map(({ path }) => path));
  const unseen = [...named].filter((path) => !paths.has(path)).map((path) => ({ path, file: null }));
  return [...files.map((entry) => ({ ...entry, path: belowKnown(entry.path, folders) })), ...unseen];
}

/** The paths of the files and of the folders that a handle names. */
async function namesIn(handle, prefix = "", found = [new Set(), new Set()]) {
  for await (const inner of handle.values()) {
    const isFolder = inner.kind === "directory";
    found[Number(isFolder)].add(prefix + inner.name);
    if (isFolder) await namesIn(inner, `${prefix}${inner.name}/`, found);
  }
  return found;
}

function belowKnown(path, folders) {
  let known = 0;
  for (let at = path.indexOf("/"); at >= 0 && folders.has(path.slice(0, at)); at = path.indexOf("/", at + 1)) known = at + 1;
  return path.slice(0, known) + path.slice(known).replaceAll("/", "\\");
}

/** The files of a dropped folder: [{path, file}], paths below it. */
export async function droppedFiles(folder) {
  const files = [];
  for (const waiting = [folder]; waiting.length > 0; ) {
    const entry = waiting.pop();
    if (entry.isDirectory) waiting.push(...(await entriesOf(entry)));
    else files.push({ path: below(entry.fullPath.slice(1)), file: await opened(entry) });
  }
  return files;
}

const opened = (entry) => new Promise((resolve) => entry.file(resolve, () => resolve(null)));

/** All entries of a folder: the browser gives them a hundred at a time. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const more = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (more.length === 0) return entries;
    entries.push(...more);
  }
}
