/** What replay knows after some entries, and which of it still stands: docs/SPEC.md section 11. */

/** The state of a log. Records are entries that applied: {index, digest, keyid, organisation, bytes, subject, predicate, withdrawn}. */
export class State {
  steps = new Map();
  candidates = new Map();
  reports = new Map();
  opinions = new Map();
  /** In the order of the log; each also has `version`, and `recalled` (a withdrawal of kind release, or null). */
  releases = [];
  voids = [];
  unknownTypes = [];
  /** Key id -> index of the first entry that withdrew it. */
  withdrawnKeys = new Map();
  /** Digest -> entries that are void because their key was withdrawn. */
  silenced = new Map();
  /** The release that had last applied when a candidate was logged, or null: what was logged later does not change it. */
  predecessor = () => null;
  supersededBy = null;
  /** Subject -> root keys that announced it. */
  announcements = new Map();

  /** Tell whether a candidate stands: neither it nor one of its steps was withdrawn. */
  candidateStands = (candidate) => !candidate.withdrawn && candidate.predicate.steps.every((digest) => !this.steps.get(digest).withdrawn);

  /** Tell whether a report stands, and the candidate on which it rests. */
  reportStands = (report) => !report.withdrawn && this.candidateStands(this.candidates.get(report.predicate.candidate));

  /** Tell whether an opinion stands, and the report on which it rests. */
  opinionStands = (opinion) => !opinion.withdrawn && this.reportStands(opinion.report);

  /** The candidate of a manifest that stands, or undefined. */
  candidateOf = (manifest) => [...this.candidates.values()].find((candidate) => candidate.subject.sha256 === manifest && this.candidateStands(candidate));

  /** The reports on a candidate that stand. */
  reportsOn = (candidate) => [...this.reports.values()].filter((report) => report.predicate.candidate === candidate.digest && this.reportStands(report));

  /** The opinions on a candidate that stand. */
  opinionsOn = (candidate) =>
    [...this.opinions.values()].filter((opinion) => opinion.report.predicate.candidate === candidate.digest && this.opinionStands(opinion));

  /** The record under an envelope's digest that stands, or undefined. */
  standing(digest) {
    const tests = [
      [this.steps, (step) => !step.withdrawn],
      [this.candidates, this.candidateStands],
      [this.reports, this.reportStands],
      [this.opinions, this.opinionStands],
    ];
    for (const [records, stands] of tests) if (records.has(digest)) return stands(records.get(digest)) ? records.get(digest) : undefined;
    return this.releases.find((release) => release.digest === digest && !release.withdrawn);
  }
}
