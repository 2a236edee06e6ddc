/**
 * The verification of a release, section by section as docs/SPEC.md section 13 numbers them.
 *
 * Bytes in, a report out: the files come through a `source` (see listing.mjs), the clock and what was seen before are arguments.
 * Only section 13.8, which looks into the Parquet files, is left out: this is a light verifier.
 */
import { checkContinuity } from "./continuity.mjs";
import { checkFiles, checkFolder } from "./folder.mjs";
import { Listing } from "./listing.mjs";
import * as manifests from "./manifest.mjs";
import * as note from "./note.mjs";
import { checkFreshness, checkOpinions, checkRelease, quorumAge } from "./policy.mjs";
import { Problem, under } from "./problem.mjs";
import { replay } from "./replay.mjs";
import { makeReport, STOPS_NOTHING } from "./report.mjs";
import { checkPrevious, checkSteps } from "./steps.mjs";
import { checkTiles } from "./tiles.mjs";
import * as trusts from "./trust.mjs";

const CHECKPOINT = "log/checkpoint";

/** The sections in order. Each adds what it establishes to the facts, and yields the problems that it finds, or throws one. */
const SECTIONS = [
  checkTrust,
  checkLog,
  checkContinuity,
  checkReplay,
  checkManifest,
  checkFolder,
  checkFiles,
  withCandidate(checkSteps),
  withCandidate(checkPrevious),
  withCandidate(checkOpinions),
  checkRelease,
  withCandidate(checkFreshness),
];

/**
 * Verify a release.
 *
 * `source`: its files; `trust`: the bytes of the trust file; `now`: seconds since 1970; `seen`: the bytes of a state file, or
 * null. The report's `seen` is what to remember of the log after a run that ends `verified`.
 */
export async function verify(source, { trust, now, seen = null }) {
  const facts = { source, trustBytes: trust, now, seenBytes: seen };
  return makeReport(facts, await problemsIn(SECTIONS, facts));
}

/** Tell why a release did not stand at a checkpoint, by manifest and log alone (19.2); age is no failure, having no quorum is. */
export async function recorded(source, { trust, now }) {
  const facts = { source, trustBytes: trust, now, seenBytes: null };
  const sections = SECTIONS.filter((section) => ![checkFolder, checkFiles].includes(section));
  const problems = await problemsIn(sections, facts);
  return problems.filter(({ code }) => code !== "stale" || quorumAge(facts) === null);
}

/** What sections find, to the first that is fatal. */
async function problemsIn(sections, facts) {
  const problems = [];
  for (const section of sections) {
    const found = await problemsOf(section, facts);
    problems.push(...found);
    if (found.some(({ code }) => !STOPS_NOTHING.has(code))) break;
  }
  return problems;
}

/** A section's problems; one that stops it is its last. */
async function problemsOf(section, facts) {
  const found = [];
  try {
    for await (const problem of await section(facts)) found.push(problem);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    found.push(error);
  }
  return found;
}

/** A section that is left out where no candidate for the manifest stands (section 14). */
function withCandidate(section) {
  return (facts) => (facts.candidate ? section(facts) : []);
}

/** 13.1: the trust file. */
async function checkTrust(facts) {
  const { trust, keys, problems } = await readTrust(facts.trustBytes);
  Object.assign(facts, { trust, keys });
  if (facts.now > Date.parse(trust.expires) / 1000) problems.push(new Problem("trust-expired", "trust file", trust.expires, "a later time"));
  return problems;
}

/** Read a trust file and its keys; `problems` are the faults that are not faults of form. */
export async function readTrust(bytes) {
  const trust = under("trust", () => trusts.parse(bytes));
  const keys = await trusts.loadKeys(trust);
  return { trust, keys, problems: [...trusts.faults(trust, keys)] };
}

/** 13.2: the checkpoint and the log below it. */
async function checkLog(facts) {
  const listing = (facts.listing = await Listing.of(facts.source));
  const bytes = await listing.read(CHECKPOINT, note.LIMIT);
  const signed = (facts.signed = under("checkpoint-form", () => note.parseSigned(bytes)));
  facts.times = await note.verifySigned(signed, facts.trust.log, facts.trust.auditors.map(({ witness }) => witness));
  const paths = listing.paths().filter((path) => path.startsWith("log/") && path !== CHECKPOINT);
  const below = paths.map((path) => path.slice("log/".length));
  facts.entries = await checkTiles(signed, below, (path, limit) => listing.read(`log/${path}`, limit));
  return [];
}

/** 13.4: what the log says. */
async function checkReplay(facts) {
  const { trust, keys, entries } = facts;
  const state = (facts.state = await replay(entries, trust, keys));
  for (const { key, witness } of trust.auditors) if (state.withdrawnKeys.has(key)) facts.times.delete(witness.vkey);
  const problems = state.unknownTypes.map((index) => new Problem("unknown-type", `entry ${index}`, "a type of section 9", "another"));
  if (state.supersededBy) problems.push(new Problem("superseded", "trust file", `the trust file ${state.supersededBy}`, trust.digest));
  return problems;
}

/** 13.5: the manifest, and whether the log has a candidate for it. */
async function checkManifest(facts) {
  const bytes = await facts.listing.read(manifests.PATH, manifests.LIMIT);
  const manifest = (facts.manifest = under("manifest", () => manifests.parse(bytes)));
  facts.candidate = facts.state.candidateOf(manifest.digest);
  const problems = [...manifests.arithmetic(manifest), ...manifests.roots(manifest)];
  if (manifest.name !== facts.trust.name) problems.push(new Problem("manifest-name", manifests.PATH, facts.trust.name, manifest.name));
  if (!facts.candidate) problems.push(new Problem("no-candidate", manifests.PATH, "a candidate in the log", "none"));
  return problems;
}
