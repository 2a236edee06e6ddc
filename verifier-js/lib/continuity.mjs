/** What was seen of a line before, in a state file, and whether trust file and log go on from it: docs/SPEC.md section 13.3. */
import { hex, utf8 } from "./bytes.mjs";
import { decode, encode, MIB } from "./canonical.mjs";
import * as form from "./form.mjs";
import { leafHash, rootOf } from "./merkle.mjs";
import { Problem } from "./problem.mjs";
import { BASE } from "./statement.mjs";

const WHERE = "state file";
const SEEN = form.object({
  _type: form.oneOf(`${BASE}seen/v0.1`),
  checkpoint: form.text,
  logKey: form.text,
  origin: form.text,
  root: form.sha256,
  size: form.count,
  trust: form.orNull(form.object({ sha256: form.sha256, version: form.positive })),
});

/** Read a state file; `trust` is null where it remembers none. */
export function readSeen(bytes) {
  const seen = decode(bytes, WHERE, MIB);
  SEEN(seen, WHERE);
  return seen;
}

/** The bytes of a state file: what to remember of a trust file and a log. */
export function writeSeen({ trust, signed }) {
  const seen = {
    _type: `${BASE}seen/v0.1`,
    checkpoint: signed.text,
    logKey: trust.log.vkey,
    origin: signed.origin,
    root: hex(signed.root),
    size: signed.size,
    trust: { sha256: trust.digest, version: trust.version },
  };
  return utf8(encode(seen, WHERE));
}

/** Check that trust file and log go on from what was seen of them. */
export function checkContinuity({ seenBytes, trust, signed, entries }) {
  const seen = seenBytes === null ? null : readSeen(seenBytes);
  if (seen?.origin !== signed.origin) return [];
  return [...trustProblems(seen.trust, trust), ...(seen.logKey === trust.log.vkey ? logProblems(seen, signed, entries) : [])];
}

function trustProblems(seen, { version, digest, previous }) {
  if (seen === null || version > seen.version + 1) return [];
  if (version < seen.version) return [new Problem("trust-rollback", "trust file", `version ${seen.version} or later`, `${version}`)];
  const named = version === seen.version ? digest : previous;
  return named === seen.sha256 ? [] : [new Problem("trust-fork", "trust file", `the trust file ${seen.sha256}, or its successor`, named)];
}

function logProblems(seen, signed, entries) {
  if (signed.size < seen.size) return [new Problem("log-rollback", "log/checkpoint", `at least ${seen.size} entries`, `${signed.size}`)];
  const root = hex(rootOf(entries.slice(0, seen.size).map(leafHash)));
  return root === seen.root ? [] : [new Problem("log-fork", "log/checkpoint", `root ${seen.root} at ${seen.size} entries`, root)];
}
