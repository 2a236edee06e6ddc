/** The form: what a person chooses or drops, and the run that follows. The clock is read here, once for each run. */
import { readSeen } from "../lib/continuity.mjs";
import { MIB } from "../lib/canonical.mjs";
import { orNull } from "../lib/problem.mjs";
import * as trusts from "../lib/trust.mjs";
import { isOpenTo, lock } from "./lock.mjs";
import { chosenFiles, droppedFiles, unseenFiles } from "./local.mjs";
import { showExpected, showOwn } from "./own.mjs";
import { folderAddress } from "./served.mjs";
import { Run } from "./run.mjs";
import { byId, fill, plain, sizeText } from "./text.mjs";
import { showReport } from "./view.mjs";

const LARGEST_DOCUMENT = MIB; // of a trust file and of a state file

/** What was chosen: {bytes, read} of trust file and state file, {name, files} of the folder; null where nothing was. */
const chosen = { trust: null, seen: null, folder: null };
let run = null;
let handle = null; // of the folder that fell into the box last, until the box has taken it in

/** Make the form live. */
export function start() {
  if (!globalThis.crypto?.subtle) return refuse("This browser gives pages no cryptography here: open the page from a file, or over https.");
  byId("trust").addEventListener("change", ({ target }) => take(target.files[0], ["trust"]));
  byId("seen").addEventListener("change", ({ target }) => take(target.files[0], ["seen"]));
  byId("folder").addEventListener("change", ({ target }) => takeChosen(target));
  byId("address").addEventListener("input", forget);
  byId("stop").addEventListener("click", () => finish("Stopped. There is no verdict."));
  byId("form").addEventListener("submit", submit);
  listenToDrops(byId("folder"));
  return showOwn();
}

function refuse(words) {
  byId("start").disabled = true;
  complain(words);
}

function listenToDrops(box) {
  addEventListener("dragover", (event) => event.target === box || event.preventDefault()); // or the browser would open what is dropped
  box.addEventListener("dragover", () => box.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) box.addEventListener(kind, () => box.classList.remove("over"));
  addEventListener("drop", dropped);
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
  const folders = entries.filter(({ isDirectory }) => isDirectory);
  const isLeftToTheBox = location.protocol === "file:" && folders.length === 1 && entries[0].isDirectory && event.target === byId("folder");
  if (!isLeftToTheBox) event.preventDefault();
  if (run !== null) return;
  handle = isLeftToTheBox ? event.dataTransfer.items[0].getAsFileSystemHandle?.() : null;
  complain(folders.length > 1 ? "Drop the one folder that holds release.json." : "");
  for (const file of folders.length > 1 ? [] : files) await take(file, ["trust", "seen"]);
  if (folders.length !== 1 || isLeftToTheBox) return;
  byId("folder").value = "";
  const found = await droppedFiles(folders[0]).catch(() => null);
  if (found !== null) takeFolder(folders[0].name, found);
  else complain("Drop the folder alone and into the box, or choose it: this browser does not read it here.");
}

/** Take what the box holds, and what else the folder names that fell into it. */
async function takeChosen(box) {
  const files = chosenFiles(box);
  const [name, dropped] = [box.files[0]?.webkitRelativePath.split("/")[0], await handle];
  handle = null;
  const unseen = dropped ? await unseenFiles(dropped, new Set(files.map(({ path }) => path))) : [];
  takeFolder(name, [...files, ...unseen]);
}

function takeFolder(name, files) {
  forget();
  chosen.folder = files.length > 0 ? { name, files } : null;
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
  forget();
  if (file === undefined) return;
  const bytes = file.size > LARGEST_DOCUMENT ? new Uint8Array() : new Uint8Array(await file.arrayBuffer());
  const kind = kinds.find((name) => KINDS[name].read(bytes) !== null);
  for (const name of kind ? [kind] : kinds.slice(0, 1)) {
    chosen[name] = kind ? { bytes, read: KINDS[kind].read(bytes) } : null;
    showIn(byId(name), file);
    fill(byId(`${name}-chosen`), kind ? KINDS[kind].told(chosen[name].read) : "");
  }
  complain(kind ? "" : `${plain(file.name)} is not ${kinds.map((name) => KINDS[name].expected).join(" nor ")} in its one legal form.`);
  if (kinds.includes("trust")) showExpected(chosen.trust?.read ?? null);
}

/** Let an input show a file that was dropped. */
function showIn(input, file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
}

const complain = (words) => fill(byId("complaint"), words);

/** Why a run cannot start, or "". */
function lacking(address) {
  const typed = byId("address").value.trim();
  if (chosen.trust === null) return "Choose the trust file first: without it nobody can say whom to believe.";
  if (typed !== "" && chosen.folder !== null) return "There are a folder and an address: empty one of the two.";
  if (typed === "" && chosen.folder === null) return "Choose the folder of the release, or give its address.";
  if (typed !== "" && address === null) return "The address is none that this page can read: it has to begin with https:// or http://, without name and password.";
  const remembered = chosen.seen?.read.origin ?? chosen.trust.read.log.name;
  if (remembered !== chosen.trust.read.log.name) return `The state file remembers another line: ${plain(remembered)}.`;
  if (!isOpenTo(address)) return "This page has closed its connections for the run before. Load it again, then give the address.";
  return "";
}

function submit(event) {
  event.preventDefault();
  forget();
  const address = folderAddress(byId("address").value);
  const reason = lacking(address);
  complain(reason);
  if (reason !== "") return;
  lock(address);
  const { trust, seen, folder } = chosen;
  const order = { files: folder?.files ?? null, address, trust: trust.bytes, seen: seen?.bytes ?? null, now: Math.floor(Date.now() / 1000) };
  busy(true);
  fill(byId("status"), "Verifying.");
  const about = { place: address ?? folder.name, isServed: address !== null, hasState: seen !== null, now: order.now, trust: trust.read };
  run = new Run(order, { ended: ({ report, isCopy }) => finish("", report, { ...about, isCopy }), failed: (words) => finish(words) });
}

/** End a run: with a report, or with words on why there is none. */
function finish(words, report = null, about = null) {
  run?.end();
  run = null;
  busy(false);
  complain(words);
  fill(byId("status"), words);
  if (report !== null) showReport(report, about);
}

function busy(is) {
  for (const part of document.querySelectorAll("fieldset")) part.disabled = is;
  byId("start").disabled = is;
  byId("stop").hidden = !is;
  byId("progress").hidden = !is;
}

/** Take the last report away: it speaks of nothing that is chosen now. */
function forget() {
  byId("result").hidden = true;
}
