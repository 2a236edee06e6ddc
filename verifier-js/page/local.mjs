/** A folder that a person chose or dropped, as verify.mjs wants it. A browser tells neither links nor second names of one file. */

/** Up to here a file is hashed as a whole by WebCrypto, which is faster; above, piece by piece in the memory of one piece. */
const WHOLE = 1 << 26;
const PIECE = 1 << 22;

/** The source of files [{path, file}]; `file` is null where the browser could not open it. */
export function localSource(files) {
  const opened = new Map(files.map(({ path, file }) => [path, file]));
  const listed = files.map(({ path, file }) => ({ path, size: file?.size ?? 0, kind: file ? "file" : "something that the browser cannot read" }));
  return {
    list: () => listed,
    digest: async (path) => {
      const file = opened.get(path);
      return file.size > WHOLE ? null : new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    },
    stream: async function* (path) {
      const file = opened.get(path);
      for (let at = 0; at < file.size; at += PIECE) yield new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
    },
  };
}

/** The files of a chosen folder: [{path, file}], paths below it. */
export const chosenFiles = (input) => [...input.files].map((file) => ({ path: below(file.webkitRelativePath), file }));

const below = (path) => path.slice(path.indexOf("/") + 1);

/**
 * What was dropped: [{name, isFolder, file, inner}], where `file()` opens a file and `inner()` gives what lies in a folder.
 *
 * To be called while the event is handled. Chromium does not let a page that was opened from a file use the entries that every
 * browser has; it has handles for that.
 */
export function droppedItems({ items }) {
  const useHandles = location.protocol === "file:" && "getAsFileSystemHandle" in DataTransferItem.prototype;
  const given = [...items].filter(({ kind }) => kind === "file");
  return Promise.all(given.map(async (item) => (useHandles ? ofHandle(await item.getAsFileSystemHandle()) : ofEntry(item.webkitGetAsEntry()))));
}

const ofEntry = (entry) => ({
  name: entry.name,
  isFolder: entry.isDirectory,
  file: () => new Promise((resolve) => entry.file(resolve, () => resolve(null))),
  inner: async () => (await entriesOf(entry)).map(ofEntry),
});

const ofHandle = (handle) => ({
  name: handle.name,
  isFolder: handle.kind === "directory",
  file: () => handle.getFile().catch(() => null),
  inner: async () => (await Array.fromAsync(handle.values())).map(ofHandle),
});

/** The files of a dropped folder: [{path, file}], paths below it. */
export async function filesOf(folder, prefix = "") {
  const files = [];
  for (const item of await folder.inner()) {
    const path = prefix + item.name;
    files.push(...(item.isFolder ? await filesOf(item, `${path}/`) : [{ path, file: await item.file() }]));
  }
  return files;
}

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
