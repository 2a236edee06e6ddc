/** Replay of a log from entry 0: which entries apply, which are void and why. docs/SPEC.md section 11. */
import { orNull } from "./problem.mjs";
import * as bundle from "./bundle.mjs";
import { compareVersions } from "./form.mjs";
import { State } from "./state.mjs";
import * as statement from "./statement.mjs";

/** Replay all entries (bytes) under a trust file and its keys; never refuses, only finds entries void. */
export async function replay(entries, trust, keys) {
  return run(await open(entries, keys), trust);
}

/** Read each entry, and check its signature: {void} or a record. */
async function open(entries, keys) {
  const seen = new Set();
  const opened = [];
  for (const [index, bytes] of entries.entries()) {
    const record = orNull(() => read(bytes, index));
    opened.push(record === null ? { index, void: "malformed" } : { ...record, void: await unsound(record, seen, keys) });
    if (record !== null) seen.add(record.digest);
  }
  return opened;
}

function read(bytes, index) {
  const { payload, keyid, signature, digest } = bundle.parse(bytes, `entry ${index}`);
  return { index, bytes, payload, keyid, signature, digest, ...statement.parse(payload, `entry ${index}`) };
}

async function unsound({ digest, keyid, signature, payload }, seen, keys) {
  if (seen.has(digest)) return "duplicate";
  if (!keys.has(keyid)) return "unknown-key";
  return (await keys.get(keyid).signed(signature, bundle.preAuthentication(payload))) ? null : "bad-signature";
}

function run(opened, trust) {
  const state = new State();
  // Withdrawals of keys are found first: they void earlier statements too, and are heard whoever's key was withdrawn.
  const withdrawals = new Set(opened.filter((entry) => entry.void === null && withdrawsKey(entry, trust)));
  for (const { subject, index } of withdrawals) if (!state.withdrawnKeys.has(subject.name)) state.withdrawnKeys.set(subject.name, index);
  state.predecessor = ({ index }) => run(opened.slice(0, index), trust).releases.at(-1) ?? null;
  for (const entry of opened) {
    const code = entry.void ?? judge(entry, { state, trust, withdrawals });
    if (code) state.voids.push({ index: entry.index, code });
  }
  return state;
}

/** Apply an entry to the state, or return the code under which it is void. */
function judge(entry, { state, trust, withdrawals }) {
  if (withdrawals.has(entry)) return null;
  if (state.withdrawnKeys.has(entry.keyid)) {
    state.silenced.set(entry.digest, entry);
    return "key-withdrawn";
  }
  if (entry.kind === null) {
    state.unknownTypes.push(entry.index);
    return "unknown-type";
  }
  if (!maySign(entry, trust)) return "wrong-role";
  const record = { ...entry, organisation: trust.keys.get(entry.keyid).organisation, withdrawn: false };
  return RULES[entry.kind](record, { state, trust });
}

/** Tell whether an entry withdraws a key of the trust file, by that key or a root key. */
function withdrawsKey({ kind, keyid, predicate, subject }, trust) {
  if (kind !== "withdrawal" || predicate.kind !== "key") return false;
  return trust.keys.has(subject.name) && [subject.name, ...trust.root.keys].includes(keyid);
}

/** Tell whether a release may name an opinion that does not stand: one whose key was withdrawn after the release. */
function wasHeard(digest, release, state) {
  const said = state.silenced.get(digest);
  return said?.kind === "opinion" && sameSubject(said, release) && state.withdrawnKeys.get(said.keyid) > release.index;
}

/** Section 12: who may sign what. Withdrawals have a rule of their own. */
function maySign({ kind, keyid, predicate }, trust) {
  const auditors = trust.auditors.map((auditor) => auditor.key);
  const signers = {
    "filter-step": () => trust.steps.find((step) => step.name === predicate.step.name)?.keys ?? trust.build,
    candidate: () => trust.build,
    "audit-report": () => auditors,
    opinion: () => auditors,
    release: () => trust.publish,
    withdrawal: () => [keyid],
    superseded: () => trust.root.keys,
  };
  return signers[kind]().includes(keyid);
}

const sameSubject = (...records) => records.every(({ subject }) => subject.sha256 === records[0].subject.sha256);

/** The rules by type: each keeps the record, or returns why it is void. */
const RULES = {
  "filter-step"(record, { state }) {
    state.steps.set(record.digest, record);
    return null;
  },

  candidate(record, { state }) {
    const steps = record.predicate.steps.map((digest) => state.steps.get(digest));
    if (!steps.every((step, at) => step && !step.withdrawn && step.predicate.step.order === at + 1 && sameSubject(record, step))) return "candidate-steps";
    if ([...state.candidates.values()].some((other) => sameSubject(other, record))) return "candidate-again";
    state.candidates.set(record.digest, record);
    return null;
  },

  "audit-report"(record, { state }) {
    const candidate = state.candidates.get(record.predicate.candidate);
    if (!candidate || !state.candidateStands(candidate) || !sameSubject(candidate, record)) return "report-candidate";
    if (contradictsItself(record.predicate)) return "report-contradiction";
    if (state.reportsOn(candidate).some(({ organisation }) => organisation === record.organisation)) return "report-again";
    state.reports.set(record.digest, record);
    return null;
  },

  opinion(record, { state, trust }) {
    const report = reportOf(record, state);
    if (!report || !restsOn(record, report, state, trust)) return "opinion-inputs";
    if (record.predicate.verifier.id !== `https://${record.organisation}`) return "opinion-organisation";
    if ((record.predicate.verificationResult === "FAILED") !== (report.predicate.conclusion === "adverse")) return "opinion-contradiction";
    const others = state.opinionsOn(state.candidates.get(report.predicate.candidate));
    if (others.some(({ organisation }) => organisation === record.organisation)) return "opinion-again";
    state.opinions.set(record.digest, { ...record, report });
    return null;
  },

  release(record, { state }) {
    const candidate = state.candidates.get(record.predicate.candidate);
    const { version, opinions } = record.predicate;
    const holds = candidate && state.candidateStands(candidate) && sameSubject(candidate, record) && candidate.predicate.version === version;
    if (!holds) return "release-candidate";
    const given = new Set(state.opinionsOn(candidate).map(({ digest }) => digest));
    if (!opinions.every((digest) => given.has(digest) || wasHeard(digest, record, state))) return "release-opinions";
    if (state.releases.some((earlier) => compareVersions(version, earlier.version) <= 0)) return "version-not-newer";
    state.releases.push({ ...record, version, recalled: null });
    return null;
  },

  withdrawal(record, { state, trust }) {
    return WITHDRAWALS[record.predicate.kind](record, { state, trust }) ? null : "withdrawal-target";
  },

  superseded(record, { state, trust }) {
    const { subject, predicate, keyid } = record;
    if (predicate.version !== trust.version + 1 || predicate.previous !== trust.digest) return "supersession-target";
    const signers = (state.announcements.get(subject.sha256) ?? new Set()).add(keyid);
    state.announcements.set(subject.sha256, signers);
    if (signers.size >= trust.root.threshold) state.supersededBy ??= subject.sha256;
    return null;
  },
};

/** Withdrawals by kind: each withdraws its target and returns true, or returns false where there is none that the key may withdraw. */
const WITHDRAWALS = {
  release({ subject, keyid, ...record }, { state, trust }) {
    const release = state.releases.find((applied) => applied.subject.sha256 === subject.sha256);
    if (!release || ![...trust.publish, ...trust.root.keys].includes(keyid)) return false;
    release.recalled ??= record;
    return true;
  },

  envelope({ subject, keyid }, { state, trust }) {
    const target = state.standing(subject.sha256);
    if (!target || ![target.keyid, ...trust.root.keys].includes(keyid)) return false;
    target.withdrawn = true;
    return true;
  },

  // Those that may were found before anything was replayed.
  key: () => false,
};

/** Section 9.3: only a refuted claim makes a report adverse; unqualified ones skip nothing and bring lists. */
function contradictsItself({ claims, conclusion, scope }) {
  const has = (result) => claims.some((claim) => claim.result === result);
  return has("refuted") !== (conclusion === "adverse") || (conclusion === "unqualified" && (has("skipped") || scope.lists.length === 0));
}

/** The report that an opinion names last, where it stands and is by the same key. */
function reportOf({ predicate, keyid }, state) {
  const report = state.reports.get(predicate.inputAttestations.at(-1)?.digest.sha256);
  return report && state.reportStands(report) && report.keyid === keyid ? report : null;
}

/** Tell whether an opinion names step envelopes, candidate, report and release as section 9.4 says. */
function restsOn({ subject, predicate }, report, state, trust) {
  const candidate = state.candidates.get(report.predicate.candidate);
  const steps = candidate.predicate.steps.map((digest) => state.steps.get(digest));
  const inputs = [
    ...steps.map((step) => [step.digest, statement.stepPath(step.predicate.step, step.keyid)]),
    [candidate.digest, "candidate"],
    [report.digest, statement.reportPath(report.organisation, report.keyid)],
  ];
  const named = predicate.inputAttestations.map(({ digest, uri }) => [digest.sha256, uri]);
  return (
    JSON.stringify(named) === JSON.stringify(inputs) &&
    subject.sha256 === candidate.subject.sha256 &&
    predicate.resourceUri === `pkg:generic/${trust.name}@${candidate.predicate.version}`
  );
}
