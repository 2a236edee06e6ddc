/** What the folder of a release may hold, and must: docs/SPEC.md sections 5 and 13.6. */
import * as bundle from "./bundle.mjs";
import { equal } from "./bytes.mjs";
import * as card from "./card.mjs";
import * as manifests from "./manifest.mjs";
import { orNull, Problem } from "./problem.mjs";
import * as statement from "./statement.mjs";
import { tilePaths } from "./tiles.mjs";

const OUTSIDE_THE_PROOF = ["report.html", "trust.json"];
const EVIDENCE = ["evidence/matches.age", "evidence/rows.age"];
const ENTRIES = /^(?:attestations|reports|opinions)\//;

/** The files in a folder that lie outside the proof, and those that are tolerated. */
export const outsideTheProof = (paths) => paths.filter((path) => OUTSIDE_THE_PROOF.includes(path) || isTolerated(path));

/** Tell whether a file is none of the release's and yet no fault. */
const isTolerated = (path) => path === ".gitattributes" || path.startsWith(".cache/huggingface/");

/** Check the folder; yields every problem. */
export async function* checkFolder({ listing, manifest, candidate, state, signed }) {
  const required = [manifests.PATH, "log/checkpoint", ...tilePaths(signed.size).map((path) => `log/${path}`), ...manifestFiles(manifest)];
  const isReleased = state.releases.some((release) => release.subject.sha256 === manifest.digest);
  const known = new Set([...required, ...OUTSIDE_THE_PROOF, ...(isReleased ? [] : EVIDENCE)]);
  if (listing.source.unlisted) yield new Problem("folder-unlisted", "the folder", "a list of its files", "none: a web server gives none");
  yield* kindProblems(listing);
  yield* nameProblems(listing);
  yield* extraProblems(listing, known);
  yield* required.filter((path) => !listing.has(path)).map((path) => new Problem("folder-missing", path, "a file", "none"));
  yield* candidate ? entryProblems(listing, entryFiles(candidate, state)) : subjectProblems(listing, manifest);
}

/** The paths that a manifest names. */
const manifestFiles = ({ shards, files }) => [...shards, ...files].map(({ path }) => path);

function kindProblems(listing) {
  const problems = [];
  for (const { path, size, kind } of listing.files.values()) {
    if (kind !== "file") problems.push(new Problem("folder-link", path, "a file", kind));
    else if (size === 0 && !isTolerated(path)) problems.push(new Problem("folder-extra", path, "a file that is not empty", "no bytes"));
  }
  return problems;
}

function nameProblems(listing) {
  const problems = [];
  const names = new Map();
  for (const path of listing.paths()) {
    const folded = path.normalize("NFD").toLowerCase().toUpperCase().normalize("NFC");
    if (/\p{Surrogate}/u.test(path)) problems.push(new Problem("folder-name", path, "a name in UTF-8", "other bytes"));
    if (names.has(folded)) problems.push(new Problem("folder-name", path, "names that differ by more than case", names.get(folded)));
    names.set(folded, path);
  }
  return problems;
}

const extraProblems = (listing, known) =>
  listing
    .paths()
    .filter((path) => !known.has(path) && !isTolerated(path) && !ENTRIES.test(path))
    .map((path) => new Problem("folder-extra", path, "no such file", "a file that does not belong to the release"));

/** The files that a candidate must have in attestations/, reports/ and opinions/: path -> record. */
function entryFiles(candidate, state) {
  const files = new Map();
  for (const step of candidate.predicate.steps.map((digest) => state.steps.get(digest))) files.set(statement.stepPath(step.predicate.step, step.keyid), step);
  for (const report of state.reportsOn(candidate)) files.set(statement.reportPath(report.organisation, report.keyid), report);
  for (const opinion of state.opinionsOn(candidate)) files.set(statement.opinionPath(opinion.organisation, opinion.keyid), opinion);
  return files;
}

async function* entryProblems(listing, expected) {
  const paths = new Set([...expected.keys(), ...listing.paths().filter((path) => ENTRIES.test(path))]);
  for (const path of paths) {
    const record = expected.get(path);
    const holds = record && listing.isFile(path) && equal(await listing.read(path, bundle.LIMIT), record.bytes);
    if (!holds) yield new Problem("folder-entries", path, record ? "the bytes of the log's entry" : "no file", "something else");
  }
}

/** Without a candidate, each of these files speaks at least of this manifest. */
async function* subjectProblems(listing, manifest) {
  for (const path of listing.paths().filter((name) => ENTRIES.test(name))) {
    const holds = listing.isFile(path) && speaksOf(manifest, await listing.read(path, bundle.LIMIT), path);
    if (!holds) yield new Problem("folder-entries", path, "a statement about this manifest", "something else");
  }
}

function speaksOf(manifest, bytes, path) {
  const said = orNull(() => statement.parse(bundle.parse(bytes, path).payload, path));
  return said?.subject.name === manifests.PATH && said.subject.sha256 === manifest.digest;
}

/** Check size and sha256 of every file of the manifest, and, if they hold, the head of the card (13.7). */
export async function checkFiles({ listing, manifest }) {
  const problems = [];
  for (const { path, bytes, sha256 } of [...manifest.files, ...manifest.shards]) {
    const { size } = listing.files.get(path);
    if (size !== bytes) problems.push(new Problem("file-size", path, `${bytes} bytes`, `${size}`));
    const digest = await listing.digest(path);
    if (digest !== sha256) problems.push(new Problem("file-digest", path, sha256, digest));
  }
  return problems.length > 0 ? problems : card.checkCard(await listing.read(card.PATH, card.LIMIT), manifest);
}
