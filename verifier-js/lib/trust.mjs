/** The trust file, which the verifier brings: docs/SPEC.md section 12. */
import { hex } from "./bytes.mjs";
import { decode, MIB } from "./canonical.mjs";
import * as form from "./form.mjs";
import { PublicKey } from "./keys.mjs";
import { LOG, parseVkey, WITNESS } from "./note.mjs";
import { Problem, under } from "./problem.mjs";
import { sha256 } from "./sha256.mjs";
import { BASE } from "./statement.mjs";

const LIMIT = MIB;
const { all, count, distinct, keyId, list, map, object, oneOf, orNull, organisation, plainName, positive, rule, sortedList, text, time } = form;

const vkeyOf = (type) => rule(`a vkey of type 0${type}`, (value) => under("form", () => parseVkey(value)).type === type);
const STEP = object({ name: plainName, kind: plainName, keys: sortedList(keyId), maxListAgeDays: orNull(count) });
const AUDITOR = object({ organisation, key: keyId, witness: vkeyOf(WITNESS), recipient: text, tier: oneOf("rows", "matches") });
const TRUST = all(
  object(
    {
      _type: oneOf(`${BASE}trust/v0.1`),
      version: positive,
      previous: orNull(form.sha256),
      expires: time,
      name: form.releaseName,
      log: all(object({ origin: text, key: vkeyOf(LOG) }), rule("a vkey under the origin's name", ({ origin, key }) => parseVkey(key).name === origin)),
      keys: map(text, object({ organisation, pem: text })),
      root: object({ keys: sortedList(keyId), threshold: count }),
      build: sortedList(keyId),
      publish: sortedList(keyId),
      steps: all(list(STEP), rule("distinct names", (steps) => distinct(steps.map(({ name }) => name)))),
      auditors: list(AUDITOR),
      officer: text,
      policy: object({ opinions: count, matches: count, qualified: form.boolean, quorum: count, freshSeconds: count }),
    },
    { verifyPage: form.sha256 },
  ),
  rule("a predecessor from version 2 on", ({ version, previous }) => (previous === null) === (version === 1)),
);

/** Read a trust file's form: its members, `digest`, and `log`, `auditors[].witness` as verifier keys. Faults of section 12 remain. */
export function parse(bytes) {
  const where = "trust file";
  const trust = decode(bytes, where, LIMIT);
  TRUST(trust, where);
  const auditors = trust.auditors.map((auditor) => ({ ...auditor, witness: parseVkey(auditor.witness) }));
  return { ...trust, log: parseVkey(trust.log.key), auditors, keys: new Map(Object.entries(trust.keys)), digest: hex(sha256(bytes)) };
}

/** The public keys of a trust file by the ids that it gives them; a PEM that is no key is left out. */
export async function loadKeys(trust) {
  const keys = new Map();
  for (const [id, { pem }] of trust.keys) {
    const key = await PublicKey.fromPem(pem).catch((error) => (error instanceof Problem ? null : Promise.reject(error)));
    if (key !== null) keys.set(id, key);
  }
  return keys;
}

/** Yield every fault of a trust file whose form holds; `keys` are those of loadKeys. */
export function* faults(trust, keys) {
  yield* keyIds(trust, keys);
  yield* unknownKeys(trust);
  yield* sharedKeys(trust, keys);
  yield* auditorFaults(trust, keys);
  yield* thresholdFaults(trust);
}

const institutionKeys = ({ root, build, publish, steps }) => [...root.keys, ...build, ...publish, ...steps.flatMap((step) => step.keys)];

function* keyIds(trust, keys) {
  for (const id of trust.keys.keys()) {
    const found = keys.get(id)?.keyid ?? "no key";
    if (found !== id) yield new Problem("trust-key-id", id, "the id of its PEM", found);
  }
}

function* unknownKeys(trust) {
  for (const id of [...institutionKeys(trust), ...trust.auditors.map(({ key }) => key)]) {
    if (!trust.keys.has(id)) yield new Problem("trust-unknown-key", id, "a key of `keys`", "none");
  }
}

/** One key's bytes stand under one id, and belong to one auditor, whose key and witness key they may both be. */
function* sharedKeys(trust, keys) {
  const ids = [...keys].map(([id, key]) => [hex(key.raw), id]);
  const auditors = trust.auditors.flatMap((auditor) => auditorKeys(auditor, keys).map((raw) => [raw, auditor.organisation]));
  for (const uses of [ids, auditors]) {
    const owners = new Map();
    for (const [raw, owner] of uses) {
      const other = owners.get(raw) ?? owner;
      if (other !== owner) yield new Problem("trust-key-twice", owner, "a key of its own", `that of ${other}`);
      owners.set(raw, other);
    }
  }
}

/** An auditor's key and witness key as hex; a key that is unknown is left out. */
const auditorKeys = ({ key, witness }, keys) => [...(keys.has(key) ? [keys.get(key).raw] : []), witness.raw].map(hex);

function isInstitutions(trust, keys, raw) {
  return raw === hex(trust.log.raw) || institutionKeys(trust).some((id) => keys.has(id) && hex(keys.get(id).raw) === raw);
}

function* auditorFaults(trust, keys) {
  const seen = new Set();
  const institutions = new Set(institutionKeys(trust).map((id) => trust.keys.get(id)?.organisation));
  for (const auditor of trust.auditors) {
    const { organisation: name, key } = auditor;
    if (seen.has(name)) yield new Problem("trust-organisation-twice", name, "one entry", "two");
    seen.add(name);
    const owner = trust.keys.get(key)?.organisation ?? "nobody";
    if (owner !== name || institutions.has(name)) yield new Problem("trust-auditor-organisation", name, "its key's, and not the institution's", owner);
    if (auditorKeys(auditor, keys).some((raw) => isInstitutions(trust, keys, raw))) yield new Problem("trust-auditor-key", name, "keys of its own", "a key of the institution");
  }
}

function* thresholdFaults({ root, auditors, policy }) {
  const matches = auditors.filter(({ tier }) => tier === "matches").length;
  const ranges = [
    ["root.threshold", root.threshold, 1, root.keys.length],
    ["policy.opinions", policy.opinions, 1, auditors.length],
    ["policy.matches", policy.matches, 0, Math.min(matches, policy.opinions)],
    ["policy.quorum", policy.quorum, 1, auditors.length],
  ];
  for (const [where, value, low, high] of ranges) {
    if (value < low || value > high) yield new Problem("trust-threshold", where, `a number from ${low} to ${high}`, String(value));
  }
}
