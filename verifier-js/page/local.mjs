/** A folder that a person chose or dropped, as verify.mjs wants it. A browser shows no links, and does not tell second names of one file. */
import { equal } from "../lib/bytes.mjs";
import { outsideTheProof } from "../lib/folder.mjs";

/** Up to here a file is hashed as a whole by WebCrypto, several times as fast; above, or without the memory for it, piece by piece. */
const WHOLE = 1 << 29;
const PIECE = 1 << 22;
const MAGIC = /^PAR[1E]$/;

/** The source of files [{path, file}]; `file` is null where the browser could not open it. */
export async function localSource(files) {
  const opened = new Map(files.map(({ path, file }) => [path, file]));
  const data = await hiddenData(files);
  const kindOf = (file) => (file === null ? "something that the browser cannot read" : data.has(file) ? "a data file outside the proof" : "file");
  const listed = files.map(({ path, file }) => ({ path, size: file?.size ?? 0, kind: kindOf(file) }));
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

/** The files of a chosen folder: [{path, file}], paths below it. */
export const chosenFiles = (input) => [...input.files].map((file) => ({ path: below(file.webkitRelativePath), file }));

const below = (path) => path.slice(path.indexOf("/") + 1);

/**
 * What a folder's handle names and `files`, a set of paths, does not have: [{path, file: null}], paths below it.
 *
 * A chosen folder comes without the names that are not UTF-8, and a handle hides files of other odd names; each shows what the other does not.
 */
export async function unseenFiles(handle, files, prefix = "") {
  const unseen = [];
  for await (const inner of handle.values()) {
    const path = prefix + inner.name;
    if (inner.kind === "directory") unseen.push(...(await unseenFiles(inner, files, `${path}/`)));
    else if (!files.has(path)) unseen.push({ path, file: null });
  }
  return unseen;
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
