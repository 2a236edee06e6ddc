/** The report on the page: the verdict first, in plain words; then why, who stands behind what, and what is not proven. */
import { STOPS_NOTHING } from "../lib/report.mjs";
import { CLAIMS, MEANINGS } from "./meanings.mjs";
import { isAnother } from "./own.mjs";
import { byId, element, fill, marked, plain, spanText } from "./text.mjs";

const VERDICTS = {
  verified: "Everything that can be checked here holds. You can use this release for what its card says.",
  failed: "Something does not hold. Do not use this release.",
  withdrawn: "This was a release; it has been recalled. Do not use it any more.",
  incomplete: "What is here holds, but something that your trust file asks for is missing.",
  stale: "Everything holds, but nobody you trust has confirmed it recently.",
};
const BLIND =
  "A browser shows neither links nor, in a chosen folder, names that are not UTF-8, or which folder has a backslash in its name. Where a stranger made the folder, say in Git, let `release verify` look.";

/** Show a report, and what it is about: {place, isServed, hasState, isCopy, now, trust}. */
export function showReport(report, about) {
  const parts = [...verdict(report, about), ...failures(report), ...facts(report), ...freshness(report, about), ...opinions(report)];
  fill(byId("result"), ...parts, ...limits(report, about), ...memory(report), ...foot(about));
  byId("result").hidden = false;
  fill(byId("status"), `${report.verdict}: ${VERDICTS[report.verdict]}`);
  byId("verdict").focus();
}

function* verdict(report, { place, listed, isServed }) {
  const { verdict: word, failures: found } = report;
  const name = nameOf(report);
  const where = element("p", { className: "soft" }, isServed ? `At ${plain(place)}` : `In the folder ${plain(place)}, with the files that it held at ${timeText(listed)}`);
  const another = isAnother() ? element("p", {}, element("strong", {}, "This page is not the one that your trust file names. Do not believe what it says.")) : "";
  const blind = word === "verified" && !isServed ? element("p", { className: "soft" }, ...marked(BLIND)) : "";
  const heading = element("h2", { id: "verdict", tabIndex: -1 }, word.toUpperCase());
  const box = element("div", { className: `verdict ${word}` });
  fill(box, heading, another, name && element("p", {}, element("strong", {}, name)), element("p", {}, VERDICTS[word]), ...next(word, found), where, blind);
  yield box;
}

/** What was verified; what a manifest says that failed, or that nobody signed, is not called so. */
function nameOf({ release, version, rows, freshness: believed }) {
  if (!release || !version) return "";
  return believed === null ? `${plain(release)}; it calls itself version ${version}, which is not believed` : `${plain(release)} ${version}, ${rows} rows`;
}

/** What to do next, of all that was found for what threatens most: MEANINGS has them in that order. */
function* next(word, found) {
  const deciding = found.map(({ code }) => code).filter((code) => word !== "failed" || !STOPS_NOTHING.has(code));
  const first = Object.keys(MEANINGS).find((code) => deciding.includes(code));
  if (first) yield element("p", {}, element("strong", {}, "What to do: "), ...marked(MEANINGS[first][1]));
}

function* failures({ failures: found }) {
  if (found.length === 0) return;
  yield element("h3", {}, "Why it is not verified");
  yield* found.map(failure);
}

function failure({ code, where, expected, found }) {
  const meaning = Object.hasOwn(MEANINGS, code) ? MEANINGS[code][0] : "";
  const details = [["Where", where], ["Expected", expected], ["Found", found]].filter(([, text]) => text !== "");
  const list = element("dl", {}, ...details.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, plain(text))]));
  return element("div", { className: "failure" }, element("p", {}, element("code", {}, code), " ", ...marked(meaning)), list);
}

const sentence = (text) => `${text.slice(0, 1).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
const claimWords = (label, text) => (label.startsWith("checked by") && Object.hasOwn(CLAIMS, text) ? CLAIMS[text] : text);

/** The facts, by who stands behind them, in the order in which they come. */
function* facts({ facts: all }) {
  for (const label of new Set(all.map((fact) => fact.label))) {
    yield element("h3", {}, sentence(plain(label)).slice(0, -1));
    yield bullets(all.filter((fact) => fact.label === label).map(({ text }) => sentence(plain(claimWords(label, text)))));
  }
}

const timeText = (milliseconds) => new Date(milliseconds).toISOString().replace(/\.\d+/, "");
const bullets = (texts) => element("ul", {}, ...texts.map((text) => element("li", {}, text)));

function* freshness({ freshness: found }, { now }) {
  if (found === null) return;
  const { ageSeconds: age, limitSeconds: limit, quorum, witnesses } = found;
  const clock = `By this machine's clock it is ${timeText(1000 * now)}; your trust file lets a proof be ${spanText(limit)} old.`;
  const who = quorum === 1 ? "One witness that you trust" : `${quorum} witnesses that you trust`;
  const signed = age !== null && `${who} signed this state of the log ${spanText(age)} ago or later.`;
  const few = "Too few witnesses have signed this state of the log, so nobody can say how old it is.";
  const words = signed || (witnesses < quorum ? few : "What witnesses signed lies in the future of this machine's clock, so nobody can say how old it is.");
  yield element("h3", {}, "Freshness");
  yield element("p", {}, `${words} ${clock}`);
}

function* opinions({ opinions: given }) {
  if (given.length === 0) return;
  yield element("h3", {}, "Auditors");
  yield bullets(given.map(opinion));
}

function opinion({ organisation, result, conclusion, tier, counts }) {
  const name = plain(organisation);
  if (result === "none") return `${name} was engaged; no opinion of it stands.`;
  return `${name} signed ${result} on a report that is ${conclusion}, with the evidence of tier ${tier}${counts ? "" : "; by your trust file it does not count"}.`;
}

function* limits({ verdict: word, notProven }, { hasState, isServed, isCopy }) {
  yield element("h3", {}, "Not proven");
  if (word === "failed") {
    yield element("p", {}, "Nothing about this release: it failed, so believe nothing that it says.");
    return;
  }
  const memory = !hasState ? ["That this is the newest state of the log, and no other history: this page keeps no memory, and no state file was given."] : [];
  const links = !isServed ? ["That no links lie in the folder, and no file whose name is not UTF-8: a browser does not show them, and other readers may follow them."] : [];
  const copy = isCopy ? ["That the trust file comes from somebody whom you believe: there is the same one in the release, where anybody could have put it."] : [];
  yield bullets([...notProven, ...memory, ...links, ...copy].map(plain));
}

/** After a run that ends verified: what to remember, as a file to save. */
function* memory({ seen }) {
  if (seen === null) return;
  const href = URL.createObjectURL(new Blob([seen], { type: "application/json" }));
  yield element("h3", {}, "For the next time");
  const link = element("a", { href, download: "trust.seen.json" }, "Save what was seen of the log");
  yield element("p", {}, link, ...marked(" and give it in step 3 when you verify this line again. `release verify --state` reads the same file."));
}

function* foot({ isServed, trust }) {
  const served = "Nothing was fetched but from below the address given; this page has closed all other connections.";
  const read = isServed ? served : "Nothing was sent anywhere; this page has closed all its connections.";
  yield element("p", { className: "soft" }, `Checked by the trust file of ${plain(trust.name)}, version ${trust.version}, SHA-256 ${trust.digest}. ${read}`);
}
