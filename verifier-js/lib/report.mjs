/** The verdict and what is told with it: docs/SPEC.md section 14. */
import { hex } from "./bytes.mjs";
import { writeSeen } from "./continuity.mjs";
import { compareVersions } from "./form.mjs";
import { outsideTheProof } from "./folder.mjs";
import { countedOpinions, toldAge } from "./policy.mjs";

export const EXIT_CODES = { verified: 0, failed: 1, stale: 3, withdrawn: 4, incomplete: 5 };
const INCOMPLETE = ["no-candidate", "not-released", "opinions-missing", "opinions-tier", "unknown-type", "superseded", "folder-unlisted"];
const STALE = ["stale", "cosignature-future"];

/** Codes that keep a release from being verified, and yet stop no later section. */
export const STOPS_NOTHING = new Set(["withdrawn", ...INCOMPLETE, ...STALE]);

/** The verdict for codes, by their precedence. */
export function verdictOf(codes) {
  if (codes.some((code) => !STOPS_NOTHING.has(code))) return "failed";
  if (codes.includes("withdrawn")) return "withdrawn";
  if (codes.some((code) => INCOMPLETE.includes(code))) return "incomplete";
  return codes.length > 0 ? "stale" : "verified";
}

/** What no verifier of files can see; it is told with every verdict. */
const NOT_PROVEN = [
  "The commitments between steps and their counts are what the institution signed; who holds sealed evidence can check them, this verifier cannot.",
  "The Parquet files have the bytes of the manifest; that their rows have its roots is for a full verifier (section 13.8) to find.",
  "Whether a list holds all that it should, and whether all who signed told the truth, no verifier can tell.",
];

/** That nobody vouches for some files in the folder, which are named. */
function outsideWords({ listing }) {
  const paths = listing ? outsideTheProof(listing.paths()) : [];
  return paths.length > 0 ? [`These files are not part of the release, and nobody vouches for them: ${paths.join(", ")}.`] : [];
}

/** Make the report out of what was established and the problems in the order in which they were found. */
export function makeReport(facts, problems) {
  const verdict = verdictOf(problems.map(({ code }) => code));
  const { trust, manifest, candidate } = facts;
  const isBelieved = verdict !== "failed" && Boolean(candidate);
  return {
    verdict,
    exitCode: EXIT_CODES[verdict],
    release: trust?.name ?? "",
    version: manifest?.version ?? "",
    root: manifest?.root ?? "",
    rows: manifest?.rows ?? 0,
    separation: manifest?.separation ?? null,
    steps: isBelieved ? candidate.predicate.steps.map((digest) => stepSummary(facts.state.steps.get(digest).predicate)) : [],
    opinions: isBelieved ? opinionSummaries(facts) : [],
    freshness: isBelieved ? freshness(facts) : null,
    failures: problems.map((problem) => problem.toJSON()),
    facts: isBelieved ? labelledFacts(facts) : [],
    notProven: [...NOT_PROVEN, ...outsideWords(facts)],
    seen: verdict === "verified" ? writeSeen(facts) : null,
  };
}

/** How old the quorum's cosignatures are, and how old they may be. */
const freshness = (facts) => ({
  ageSeconds: toldAge(facts),
  limitSeconds: facts.trust.policy.freshSeconds,
  quorum: facts.trust.policy.quorum,
  witnesses: facts.times.size,
});

const stepSummary = ({ step, input, output, removed, unscreenable, keptLowQuality, override, covers, lists }) => ({
  ...step,
  rowsIn: input.rows,
  rowsOut: output.rows,
  removed,
  unscreenable,
  keptLowQuality,
  override,
  covers,
  lists,
});

/** Every opinion on the candidate, and every engaged auditor without one, by name. */
function opinionSummaries(facts) {
  const counted = new Set(countedOpinions(facts));
  const given = facts.state.opinionsOn(facts.candidate).map((opinion) => ({
    organisation: opinion.organisation,
    result: opinion.predicate.verificationResult,
    conclusion: opinion.report.predicate.conclusion,
    tier: facts.trust.auditors.find(({ key }) => key === opinion.keyid).tier,
    counts: counted.has(opinion),
  }));
  const silent = facts.candidate.predicate.auditors.filter((name) => !given.some(({ organisation }) => organisation === name));
  return [...given, ...silent.map((organisation) => ({ organisation, result: "none", conclusion: "", tier: "", counts: false }))];
}

/** What holds, each labelled with who stands behind it. */
function labelledFacts(facts) {
  const { manifest, state, signed, candidate } = facts;
  const claimedBy = `claimed by ${candidate.organisation}`;
  return [
    { label: "proven here", text: `${manifest.shards.length} data files and ${manifest.files.length} others have the bytes of manifest ${manifest.digest}` },
    { label: "proven here", text: `the log of ${signed.size} entries has the root ${hex(signed.root)}, signed by its key` },
    ...newer(facts).map((version) => ({ label: "proven here", text: `this is not the newest release: the log has version ${version}` })),
    ...confirmedClaims(facts).map(([text, organisations]) => ({ label: `checked by ${organisations.join(", ")}`, text })),
    ...candidate.predicate.steps
      .map((digest) => state.steps.get(digest).predicate)
      .map((predicate) => ({ label: claimedBy, text: stepClaim(predicate) })),
    ...(manifest.separation === null ? [] : [{ label: claimedBy, text: `minors apart from adult content: ${SEPARATIONS[manifest.separation]}` }]),
  ];
}

/** The highest version that stands released, where it is above this one. */
function newer({ state, manifest }) {
  const standing = state.releases.filter(({ withdrawn, recalled }) => !withdrawn && recalled === null);
  const versions = standing.map(({ version }) => version).filter((version) => compareVersions(version, manifest.version) > 0);
  return versions.sort(compareVersions).slice(-1);
}

/** What `separation` in a manifest says of the rows that have one of the two signals. */
const SEPARATIONS = {
  none: "no row with either signal was let through",
  minors: "of the rows with a signal, only those of minors alone were let through",
  adults: "of the rows with a signal, only those of adult content alone were let through",
};

/** What the institution says of a step. */
function stepClaim({ step, covers, input, output, removed, unscreenable, keptLowQuality, override, lists }) {
  const counts = `${input.rows} rows in, ${removed} removed, ${unscreenable} not screenable, ${output.rows} out, ${keptLowQuality} of them with too little detail to be matched`;
  const reason = override === "" ? "" : `; it removed more than its cap, which was overridden because: ${override}`;
  const used = lists.length === 0 ? "" : `; lists: ${lists.map(listClaim).join(", ")}`;
  return `step ${step.order}, ${step.name} (${step.kind}, ${covers}): ${counts}${reason}${used}`;
}

function listClaim({ name, authority, vintage, entries, partial }) {
  const counts = Object.entries(entries).map(([type, count]) => `${count} ${type}`);
  return `${name} of ${vintage} by ${authority} (${counts.join(", ")}${partial ? "; a part of it only" : ""})`;
}

/** The claims that the reports of counted opinions confirm, and whose reports. */
function confirmedClaims(facts) {
  const claims = new Map();
  for (const { organisation, report } of countedOpinions(facts)) {
    for (const { claim, result } of report.predicate.claims) if (result === "confirmed") claims.set(claim, [...(claims.get(claim) ?? []), organisation]);
  }
  return [...claims];
}
