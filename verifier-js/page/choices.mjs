/** What a person chooses or drops: trust file, state file and folder. What was chosen last counts, and no run starts while it is being read. */
import { readSeen } from "../lib/continuity.mjs";
import { MIB } from "../lib/canonical.mjs";
import { orNull } from "../lib/problem.mjs";
import * as trusts from "../lib/trust.mjs";
import { chosenFiles, droppedFiles, withHandle } from "./local.mjs";
import { showExpected } from "./own.mjs";
import { byId, complain, fill, plain, sizeText } from "./text.mjs";

const LARGEST_DOCUMENT = MIB; // of a trust file and of a state file

/** What was chosen: {bytes, read} of trust file and state file, {name, files, at} of the folder; null where nothing was. */
export const chosen = { trust: null, seen: null, folder: null };
let told = null; // {changed, isRunning} of the page
let reading = 0; // choices that are not in yet
let folders = 0; // folders that were chosen so far: the last one counts, whichever is read first
let handle = null; // of the folder that fell into the box last, until the box has taken it in

/** Make the inputs live; `changed` is called whenever a choice begins to be read and when it is in, `isRunning` tells whether choices are closed. */
export function listen(page) {
  told = page;
  byId("trust").addEventListener("change", ({ target }) => during(take(target.files[0], ["trust"])));
  byId("seen").addEventListener("change", ({ target }) => during(take(target.files[0], ["seen"])));
  byId("folder").addEventListener("change", ({ target }) => during(takeChosen(target)));
  listenToDrops(byId("folder"));
}

/** Tell whether a choice is still being read. */
export const isReading = () => reading > 0;

/** Let a folder go that was read: its list of files is as old as the choice, and the next run needs one of its own. */
export function useUp() {
  if (chosen.folder === null) return;
  newFolder();
  fill(byId("folder-chosen"), "To verify again, choose the folder again: a browser lists its files once, when it is chosen.");
}

async function during(taking) {
  reading += 1;
  told.changed();
  try {
    await taking;
  } finally {
    reading -= 1;
    told.changed();
  }
}

function listenToDrops(box) {
  addEventListener("dragover", (event) => (event.target === box && !told.isRunning()) || event.preventDefault()); // or the browser would open what is dropped
  box.addEventListener("dragover", () => box.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) box.addEventListener(kind, () => box.classList.remove("over"));
  addEventListener("drop", (event) => (told.isRunning() ? event.preventDefault() : during(dropped(event))));
}

/**
 * Take what was dropped: one folder, and files that say what they are.
 *
 * Chromium does not let a page that was opened from a file read a dropped folder's entries, and its handles hide files of odd names, which a
 * reader of the data might take. What falls into the box there goes its own way, as if it had been chosen: that shows all names.
 */
async function dropped(event) {
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const files = [...event.dataTransfer.files].filter((_, at) => entries[at]?.isFile);
  const dirs = entries.filter(({ isDirectory }) => isDirectory);
  const isLeftToTheBox = location.protocol === "file:" && dirs.length === 1 && entries[0].isDirectory && event.target === byId("folder");
  if (!isLeftToTheBox) event.preventDefault();
  const isLast = dirs.length === 1 ? newFolder() : () => false;
  handle = isLeftToTheBox ? event.dataTransfer.items[0].getAsFileSystemHandle?.() : null;
  handle?.catch(() => null); // whoever takes the folder in finds it out
  complain(dirs.length > 1 ? "Drop the one folder that holds release.json." : "");
  for (const file of dirs.length > 1 ? [] : files) await take(file, ["trust", "seen"]);
  if (dirs.length === 1 && !isLeftToTheBox) await takeEntries(dirs[0], isLast);
}

async function takeEntries(folder, isLast) {
  const found = await droppedFiles(folder).catch(() => null);
  if (!isLast()) return;
  if (found !== null) takeFolder(folder.name, found);
  else complain("Drop the folder alone and into the box, or choose it: this browser does not read it here.");
}

/** Take what the box holds, and what else the folder names that fell into it. */
async function takeChosen(box) {
  const files = chosenFiles(box);
  const name = box.files[0]?.webkitRelativePath.split("/")[0];
  const isLast = newFolder(false);
  const fell = handle;
  handle = null;
  const all = await allOf(files, fell).catch(() => null);
  if (!isLast()) return;
  if (all !== null) takeFolder(name, all);
  else complain("This browser could not read all names in that folder. Choose it with the button instead.");
}

async function allOf(files, fell) {
  const folder = await fell;
  return folder ? withHandle(files, folder) : files;
}

/** Forget the folder for another one; returns what tells whether that is still the last one. */
function newFolder(isBoxEmptied = true) {
  const mine = ++folders;
  chosen.folder = null;
  fill(byId("folder-chosen"), "");
  if (isBoxEmptied) byId("folder").value = "";
  return () => mine === folders;
}

function takeFolder(name, files) {
  chosen.folder = files.length > 0 ? { name, files, at: Date.now() } : null;
  const total = files.reduce((sum, { file }) => sum + (file?.size ?? 0), 0);
  fill(byId("folder-chosen"), name === undefined ? "" : `Chosen: ${plain(name)}, ${files.length} files, ${sizeText(total)}.`);
}

const KINDS = {
  trust: {
    read: (bytes) => orNull(() => trusts.parse(bytes)),
    told: ({ name, version, digest }) => `Chosen: the trust file of ${plain(name)}, version ${version}, SHA-256 ${digest}.`,
    expected: "a trust file",
  },
  seen: {
    read: (bytes) => orNull(() => readSeen(bytes)),
    told: ({ origin, size }) => `Chosen: what was seen of ${plain(origin)} at ${size} entries.`,
    expected: "a state file",
  },
};

/** Take a document as the first kind that it can be read as. */
async function take(file, kinds) {
  if (kinds.length === 1) choose(kinds[0], null); // nothing of it may be used while the next one is read, or if it cannot be
  if (file === undefined) return;
  const bytes = file.size > LARGEST_DOCUMENT ? new Uint8Array() : new Uint8Array(await file.arrayBuffer().catch(() => new ArrayBuffer()));
  const kind = kinds.find((name) => KINDS[name].read(bytes) !== null);
  const name = kind ?? kinds[0];
  showIn(byId(name), file);
  choose(name, kind ? { bytes, read: KINDS[kind].read(bytes) } : null);
  complain(kind ? "" : `${plain(file.name)} is not ${kinds.map((one) => KINDS[one].expected).join(" nor ")} in its one legal form.`);
}

function choose(kind, document) {
  chosen[kind] = document;
  fill(byId(`${kind}-chosen`), document === null ? "" : KINDS[kind].told(document.read));
  if (kind === "trust") showExpected(document?.read ?? null);
}

/** Let an input show a file that was dropped. */
function showIn(input, file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
}
