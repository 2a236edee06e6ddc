/** Opinions, the release statement and freshness, as the trust file's policy wants them: docs/SPEC.md sections 13.11 to 13.13. */
import { Problem } from "./problem.mjs";

const AHEAD = 300;

/** The opinions on the candidate that count: PASSED, on a report that is good enough, by an auditor that cosigned this checkpoint. */
export function countedOpinions({ candidate, state, trust, times }) {
  const conclusions = trust.policy.qualified ? ["unqualified", "qualified"] : ["unqualified"];
  return state.opinionsOn(candidate).filter(({ predicate, report, keyid }) => {
    const auditor = trust.auditors.find(({ key }) => key === keyid);
    return predicate.verificationResult === "PASSED" && conclusions.includes(report.predicate.conclusion) && times.has(auditor.witness.vkey);
  });
}

/** How many organisations gave these opinions, and how many of them opened tier matches. */
function tally(opinions, trust) {
  const organisations = (chosen) => new Set(chosen.map(({ organisation }) => organisation)).size;
  const sawMatches = ({ keyid, report }) =>
    trust.auditors.some(({ key, tier }) => key === keyid && tier === "matches") && report.predicate.scope.tiers.includes("matches");
  return { opinions: organisations(opinions), matches: organisations(opinions.filter(sawMatches)) };
}

/** Check the opinions that stand on the candidate (13.11). */
export function checkOpinions(facts) {
  const { candidate, state, trust } = facts;
  const { policy } = trust;
  const problems = [];
  for (const { organisation, predicate } of state.opinionsOn(candidate)) {
    if (predicate.verificationResult === "FAILED") problems.push(new Problem("opinion-failed", organisation, "PASSED", "FAILED"));
  }
  const counted = tally(countedOpinions(facts), trust);
  if (counted.opinions < policy.opinions) problems.push(new Problem("opinions-missing", "opinions", `${policy.opinions}`, `${counted.opinions}`));
  if (counted.matches < policy.matches) problems.push(new Problem("opinions-tier", "opinions", `${policy.matches} with tier matches`, `${counted.matches}`));
  return problems;
}

/** Check the release statement, and that nobody withdrew the release (13.12). */
export function checkRelease(facts) {
  const { manifest, candidate, state, trust } = facts;
  const releases = state.releases.filter(({ subject }) => subject.sha256 === manifest.digest);
  const problems = [];
  if (!releases.some((release) => !release.withdrawn && candidate && restsOnEnough(release, facts))) {
    problems.push(new Problem("not-released", trust.name, "a release statement on opinions that suffice", "none"));
  }
  const recall = releases.find(({ recalled }) => recalled !== null)?.recalled;
  if (recall) problems.push(new Problem("withdrawn", trust.name, "a release that stands", recall.predicate.reason));
  return problems;
}

function restsOnEnough(release, facts) {
  const named = countedOpinions(facts).filter(({ digest }) => release.predicate.opinions.includes(digest));
  const { opinions, matches } = tally(named, facts.trust);
  return opinions >= facts.trust.policy.opinions && matches >= facts.trust.policy.matches;
}

/** The age in seconds of the quorum's cosignatures: null without a quorum, below zero where they are ahead of the clock. */
export function quorumAge({ times, trust, now }) {
  const newest = [...times.values()].sort((a, b) => b - a)[trust.policy.quorum - 1];
  return newest === undefined ? null : now - newest;
}

/** The age that may be told: null where it is unknown, without a quorum or with one that is ahead of the clock. */
export function toldAge(facts) {
  const age = quorumAge(facts);
  return age === null || age < -AHEAD ? null : Math.max(age, 0);
}

/** Check how old the quorum's cosignatures are (13.13). */
export function checkFreshness(facts) {
  const age = quorumAge(facts);
  const limit = facts.trust.policy.freshSeconds;
  if (age !== null && age < -AHEAD) return [new Problem("cosignature-future", "log/checkpoint", `at most ${AHEAD} seconds ahead`, `${-age}`)];
  return age === null || age > limit ? [new Problem("stale", "log/checkpoint", `at most ${limit} seconds`, age === null ? "no quorum" : `${age}`)] : [];
}
