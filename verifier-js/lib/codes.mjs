/** The codes of section 13 in the order in which docs/SPEC.md first names them there, from 13.1 on. */
const ORDER = [
  ...["trust-expired"],
  ...["checkpoint-form", "checkpoint-origin", "checkpoint-signature", "checkpoint-unknown-key", "log-files", "log-entry", "log-tile", "log-root"],
  ...["trust-rollback", "trust-fork", "log-rollback", "log-fork"],
  ...["manifest", "manifest-name", "manifest-arithmetic", "manifest-roots", "no-candidate"],
  ...["folder-unlisted", "folder-extra", "folder-missing", "folder-link", "folder-name", "folder-entries", "file-size", "file-digest", "card-head"],
  ...["step-mismatch", "chain", "counts", "self-test", "list-age", "list-empty", "step-required"],
  ...["previous", "version-not-newer", "candidate-mismatch", "opinion-failed", "opinions-missing", "opinions-tier", "not-released", "withdrawn"],
  ...["stale", "cosignature-future", "unknown-type", "superseded"],
];

/** The one of some codes that the specification names first, or `ok`; codes of sections 12 and 13's introduction come before all. */
export const firstCode = (codes) => [...codes].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b))[0] ?? "ok";
