/** What the parties sign: docs/SPEC.md section 9. Each predicate's form stands here as a table. */
import { hex, unbase64 } from "./bytes.mjs";
import * as bundle from "./bundle.mjs";
import { decode } from "./canonical.mjs";
import * as form from "./form.mjs";
import { Problem } from "./problem.mjs";

export const BASE = "https://vetted-release.example.org/";
const { anything, count, date, keyId, list, map, object, oneOf, plainName, positive, rule, sha256, text, time } = form;

export const TOOL = object({ name: text, version: text, codeDigest: sha256 });
const boundary = object({ commitment: sha256, rows: count });
const counts = map(text, count);
const listMembers = { name: plainName, authority: text, vintage: date, vintageFrom: oneOf("file", "declared"), entries: counts, partial: form.boolean };
export const AUDITORS_LIST = object(listMembers);
export const SELF_TEST = object({ planted: count, caught: count, beyond: count });
const digest = object({ sha256 });
const input = object({ digest, uri: form.path });

const STEP = object({
  step: object({ name: plainName, kind: plainName, order: positive }),
  parameters: form.mapping,
  planDigest: sha256,
  input: boundary,
  output: boundary,
  removed: count,
  unscreenable: count,
  keptLowQuality: count,
  override: text,
  lists: list(object({ ...listMembers, commitment: sha256 })),
  coverage: counts,
  covers: oneOf("stored", "declared", "pixels"),
  selfTest: SELF_TEST,
  conventions: list(text),
  decoder: text,
  tool: TOOL,
  startedOn: time,
  finishedOn: time,
});

const CANDIDATE = object({
  version: form.version,
  previousManifest: form.orNull(sha256),
  steps: list(sha256, 1),
  auditors: form.sortedList(form.organisation),
  builtOn: time,
});

const REPORT = object({
  candidate: sha256,
  scope: object({
    tiers: form.sortedList(oneOf("matches", "rows")),
    source: oneOf("full", "none"),
    draw: oneOf("all", "none"),
    lists: list(AUDITORS_LIST),
    canaries: count,
    checkpoint: text,
    trust: sha256,
  }),
  claims: list(object({ claim: text, result: oneOf("confirmed", "refuted", "not-checkable", "skipped"), detail: text })),
  limitations: list(text),
  conclusion: oneOf("unqualified", "qualified", "adverse"),
  tool: TOOL,
  startedOn: time,
  finishedOn: time,
});

const isConsistent = ({ verificationResult, verifiedLevels: [level, ...more] }) =>
  more.length === 0 && level === (verificationResult === "PASSED" ? "VETTED_RELEASE_AUDITED" : "FAILED");
const OPINION = form.all(
  object({
    verifier: object({ id: rule("https://<organisation>", isOrganisationAddress) }),
    timeVerified: time,
    resourceUri: text,
    policy: object({ digest, uri: oneOf("trust.json") }),
    inputAttestations: list(input),
    verificationResult: oneOf("PASSED", "FAILED"),
    verifiedLevels: list(text, 1),
    slsaVersion: oneOf("1.0"),
  }),
  rule("the one level of its result", isConsistent),
);

const RELEASE = object({ version: form.version, candidate: sha256, opinions: form.sortedList(sha256), publishedOn: time });
const WITHDRAWAL = object({ kind: oneOf("release", "envelope", "key"), reason: text, withdrawnOn: time });
const SUPERSEDED = object({ version: positive, previous: sha256, supersededOn: time });

/** The kinds of predicates by their types, with their forms. */
const KINDS = new Map([
  [`${BASE}filter-step/v0.1`, ["filter-step", STEP]],
  [`${BASE}candidate/v0.1`, ["candidate", CANDIDATE]],
  [`${BASE}audit-report/v0.1`, ["audit-report", REPORT]],
  ["https://slsa.dev/verification_summary/v1", ["opinion", OPINION]],
  [`${BASE}release/v0.1`, ["release", RELEASE]],
  [`${BASE}withdrawal/v0.1`, ["withdrawal", WITHDRAWAL]],
  [`${BASE}superseded/v0.1`, ["superseded", SUPERSEDED]],
]);

/** The in-toto statement around any predicate. */
export const FRAME = object({
  _type: oneOf("https://in-toto.io/Statement/v1"),
  predicate: form.mapping,
  predicateType: text,
  subject: form.all(list(object({ digest, name: text }), 1), rule("one subject", (subjects) => subjects.length === 1)),
});

/** Read a payload: kind (null where section 9 does not know the type), predicateType, subject {name, sha256} and predicate. */
export function parse(payload, where = "statement") {
  const statement = decode(payload, where, bundle.LIMIT);
  FRAME(statement, where);
  const { predicate, predicateType } = statement;
  const subject = { name: statement.subject[0].name, sha256: statement.subject[0].digest.sha256 };
  const [kind, check] = KINDS.get(predicateType) ?? [null, anything];
  check(predicate, `${where}.predicate`);
  if (kind !== null) checkSubject(kind, predicate, subject, where);
  return { kind, predicateType, subject, predicate };
}

function checkSubject(kind, predicate, subject, where) {
  const expected = subjectName(kind, predicate, subject);
  if (subject.name !== expected) throw new Problem("form", `${where}.subject`, expected, "another name");
  if (kind === "withdrawal" && predicate.kind === "key") {
    keyId(subject.name, `${where}.subject`);
    if (keyDigest(subject.name) !== subject.sha256) throw new Problem("form", `${where}.subject`, "the digest in the key id", "another");
  }
}

function subjectName(kind, predicate, subject) {
  if (kind === "superseded") return "trust.json";
  if (kind !== "withdrawal") return "release.json";
  return { release: "release.json", envelope: "envelope", key: subject.name }[predicate.kind];
}

function isOrganisationAddress(id) {
  return typeof id === "string" && /^https:\/\/[a-z0-9][a-z0-9.-]{0,62}$/.test(id);
}

/** The SHA-256 (hex) that a key id holds. */
export const keyDigest = (id) => hex(unbase64(`${id.slice("SHA256:".length)}=`, "key id"));
const keyid8 = (id) => keyDigest(id).slice(0, 8);

/** Where a step's attestation lies in the folder (section 5). */
export const stepPath = ({ name, order }, keyid) => `attestations/${String(order).padStart(2, "0")}-${name}.${keyid8(keyid)}.sigstore.json`;
export const reportPath = (organisation, keyid) => `reports/${organisation}.${keyid8(keyid)}.sigstore.json`;
export const opinionPath = (organisation, keyid) => `opinions/${organisation}.${keyid8(keyid)}.sigstore.json`;
