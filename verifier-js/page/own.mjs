/** Which page this is: what the trust file says of it, and what the browser can say. Neither proves anything: a page that lies can lie here too. */
import { hex } from "../lib/bytes.mjs";
import { byId, element, fill } from "./text.mjs";

let own = null; // SHA-256 of the page as the browser reads it once more, where it can
let expected = null; // the SHA-256 in the trust file, "" for none, null before there is a trust file

/** Read the page once more, where it came over the network, and show its SHA-256. */
export async function showOwn() {
  const again = location.protocol.startsWith("http") ? await fetch(location.href, { cache: "force-cache" }).catch(() => null) : null;
  own = again?.ok ? hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await again.arrayBuffer()))) : null;
  show();
}

/** Show what a trust file names. */
export function showExpected(trust) {
  expected = trust === null ? null : (trust.verifyPage ?? "");
  show();
}

/** Whether page and trust file are known to differ. */
export const isAnother = () => Boolean(own && expected && own !== expected);

function show() {
  if (expected !== null) fill(byId("expected"), ...expectedWords());
  fill(byId("own"), ...ownWords());
}

function expectedWords() {
  return expected === "" ? ["Your trust file names no page."] : ["Your trust file names the page with the SHA-256 ", element("code", {}, expected), "."];
}

function ownWords() {
  if (own === null) return ["This page was opened from a file, so it cannot read its own bytes: take the SHA-256 yourself."];
  const compared = isAnother() ? " This is not the page that your trust file names: do not use it." : " That is the one in your trust file, if this page tells the truth.";
  return ["Read again by your browser, this page has the SHA-256 ", element("code", {}, own), ".", expected ? compared : ""];
}
