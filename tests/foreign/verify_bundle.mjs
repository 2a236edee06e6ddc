/**
 * Checks a bundle with @sigstore/verify, the client of the Sigstore project, by a plain public key.
 *
 *     npm ci --prefix tests/foreign
 *     node tests/foreign/verify_bundle.mjs BUNDLE KEY.pem
 *
 * Prints the type of the statement and exits with 0 if the signature holds, else prints why not and exits with 1.
 */
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, Verifier } from "@sigstore/verify";

const [bundlePath, keyPath] = process.argv.slice(2);
const publicKey = createPublicKey(readFileSync(keyPath));
const bundle = bundleFromJSON(JSON.parse(readFileSync(bundlePath, "utf8")));
// No certificates and no Sigstore log are involved: the key is given, and our own log is checked by our own verifiers.
const material = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const verifier = new Verifier({ ...material, publicKey: () => ({ publicKey, validFor: () => true }) }, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
try {
  verifier.verify(toSignedEntity(bundle));
  console.log(JSON.parse(bundle.content.dsseEnvelope.payload).predicateType);
} catch (error) {
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
