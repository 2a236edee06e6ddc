/** The form, and the run that follows. The clock is read here, once for each run. */
import { chosen, isReading, listen, useUp } from "./choices.mjs";
import { isOpenTo, lock } from "./lock.mjs";
import { showOwn } from "./own.mjs";
import { folderAddress } from "./served.mjs";
import { Run } from "./run.mjs";
import { byId, complain, fill, plain } from "./text.mjs";
import { showReport } from "./view.mjs";

let run = null;

/** Make the form live. */
export function start() {
  const reason = unfit();
  if (reason !== "") return refuse(reason);
  listen({ changed, isRunning: () => run !== null });
  byId("address").addEventListener("input", forget);
  byId("stop").addEventListener("click", () => finish("Stopped. There is no verdict."));
  byId("form").addEventListener("submit", submit);
  return showOwn();
}

/** Why nothing can be verified in this place, or "". Who frames or opened a page can lay something over it, or put another in its place. */
function unfit() {
  if (globalThis.top !== globalThis || globalThis.opener) return "Another page shows or opened this one, and could show you a verdict of its own: open this page by itself.";
  return globalThis.crypto?.subtle ? "" : "This browser gives pages no cryptography here: open the page from a file, or over https.";
}

function refuse(words) {
  byId("start").disabled = true;
  complain(words);
}

/** Something else is, or will be, chosen. */
function changed() {
  forget();
  byId("start").disabled = run !== null || isReading();
}

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
  if (run !== null || isReading()) return;
  forget();
  const address = folderAddress(byId("address").value);
  const reason = lacking(address);
  complain(reason);
  if (reason !== "") return;
  lock(address);
  const { trust, seen, folder } = chosen;
  const order = { files: folder?.files ?? null, address, trust: trust.bytes, seen: seen?.bytes ?? null, now: Math.floor(Date.now() / 1000) };
  const about = { place: address ?? folder.name, listed: folder?.at ?? null, isServed: address !== null, hasState: seen !== null, now: order.now, trust: trust.read };
  run = new Run(order, { ended: ({ report, isCopy }) => finish("", report, { ...about, isCopy }), failed: (words) => finish(words) });
  busy(true);
  fill(byId("status"), "Verifying.");
}

/** End a run: with a report, or with words on why there is none. */
function finish(words, report = null, about = null) {
  run?.end();
  run = null;
  useUp();
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
