/** The form: what a person chooses or drops, and the run that follows. The clock is read here, once for each run. */
import { readSeen } from "../lib/continuity.mjs";
import { MIB } from "../lib/canonical.mjs";
import { orNull } from "../lib/problem.mjs";
import * as trusts from "../lib/trust.mjs";
import { isOpenTo, lock } from "./lock.mjs";
import { chosenFiles, droppedItems, filesOf } from "./local.mjs";
import { showExpected, showOwn } from "./own.mjs";
import { folderAddress } from "./served.mjs";
import { Run } from "./run.mjs";
import { byId, fill, plain, sizeText } from "./text.mjs";
import { showReport } from "./view.mjs";

const LARGEST_DOCUMENT = MIB; // of a trust file and of a state file

/** What was chosen: {bytes, read} of trust file and state file, {name, files} of the folder; null where nothing was. */
const chosen = { trust: null, seen: null, folder: null };
let run = null;

/** Make the form live. */
export function start() {
  if (!globalThis.crypto?.subtle) return complain("This browser gives pages no cryptography here: open the page from a file, or over https.");
  byId("trust").addEventListener("change", ({ target }) => take(target.files[0], ["trust"]));
  byId("seen").addEventListener("change", ({ target }) => take(target.files[0], ["seen"]));
  byId("folder").addEventListener("change", ({ target }) => takeFolder(target.files[0]?.webkitRelativePath.split("/")[0], chosenFiles(target)));
  byId("stop").addEventListener("click", () => finish("Stopped. There is no verdict."));
  byId("form").addEventListener("submit", submit);
  listenToDrops(byId("zone"));
  return showOwn();
}

function listenToDrops(zone) {
  for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault()); // or the browser would open what is dropped
  zone.addEventListener("dragover", () => zone.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", ({ dataTransfer }) => dropped(droppedItems(dataTransfer)));
}

/** Take what was dropped: one folder, and files that say what they are. */
async function dropped(waiting) {
  const items = await waiting.catch(() => []);
  const folders = items.filter(({ isFolder }) => isFolder);
  if (items.length === 0 || folders.length > 1) return complain("Drop the one folder that holds release.json, and trust or state file. If that does not work here, choose them below.");
  complain("");
  for (const item of items.filter(({ isFolder }) => !isFolder)) await take((await item.file()) ?? undefined, ["trust", "seen"]);
  if (folders.length === 0) return undefined;
  byId("folder").value = "";
  return filesOf(folders[0]).then((files) => takeFolder(folders[0].name, files), () => complain("The browser cannot read that folder. Choose it with the button instead."));
}

function takeFolder(name, files) {
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
  if (chosen.seen !== null && chosen.seen.read.origin !== chosen.trust.read.log.name) return `The state file remembers another line: ${plain(chosen.seen.read.origin)}.`;
  if (!isOpenTo(address)) return "This page has closed its connections for the run before. Load it again, then give the address.";
  return "";
}

function submit(event) {
  event.preventDefault();
  const address = folderAddress(byId("address").value);
  const reason = lacking(address);
  complain(reason);
  if (reason !== "") return;
  lock(address);
  const order = { files: chosen.folder?.files ?? null, address, trust: chosen.trust.bytes, seen: chosen.seen?.bytes ?? null, now: Math.floor(Date.now() / 1000) };
  busy(true);
  fill(byId("status"), "Verifying.");
  run = new Run(order, { ended: (report) => finish("", report, order), failed: (words) => finish(words) });
}

/** End a run: with a report, or with words on why there is none. */
function finish(words, report = null, order = null) {
  run?.end();
  run = null;
  busy(false);
  complain(words);
  fill(byId("status"), words);
  if (report !== null) showReport(report, { order, trust: chosen.trust.read });
}

function busy(is) {
  byId("start").disabled = is;
  byId("stop").hidden = !is;
  byId("progress").hidden = !is;
  if (is) byId("result").hidden = true;
}
