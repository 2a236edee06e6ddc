/** Canonical URLs: docs/SPEC.md section 17. WHATWG parsing is the platform's own. */

const UNRESERVED = /[A-Za-z0-9._~-]/;
const WEB = /^https?:/i;

/** The canonical URL of a link as it stands in a row, or null. */
export function canonicalUrl(link) {
  let current = WEB.test(link.trim()) ? link : null;
  for (let next = null; current !== next; ) {
    next = current;
    current = current === null ? null : once(current);
  }
  return current;
}

/** The canonical URL of a list's entry, which may lack its scheme, or null. */
export const listedUrl = (entry) => canonicalUrl(/^[a-z][a-z0-9+.-]*:/i.test(entry.trim()) ? entry : `https://${entry.trim()}`);

/** One pass: parse, drop what does not count, and write each escape in its one form. */
function once(link) {
  // Parsed before its scheme changes: port 80 goes with http, and 443 with https in the second parse.
  const url = parsed(parsed(link)?.href.replace(/^http:/, "https:"));
  const host = url?.hostname.replace(/\.$/, "");
  if (!host) return null;
  url.username = url.password = url.hash = "";
  url.hostname = mappedAddress(host) ?? host;
  url.search = url.search.slice(1).split("&").filter(Boolean).join("&");
  return composed(url.href.replace(/%([0-9a-f]{2})/gi, plainEscape));
}

/** The IPv4 address within an IPv6 host that only wraps one, or null. */
function mappedAddress(host) {
  const found = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(host);
  if (!found) return null;
  const [high, low] = found.slice(1).map((digits) => parseInt(digits, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** An escape in its one form: the character itself where it needs none, else upper case. */
function plainEscape(escape, digits) {
  const character = String.fromCharCode(parseInt(digits, 16));
  return UNRESERVED.test(character) ? character : escape.toUpperCase();
}

/** A link whose escaped letters are in normal form C; what is not UTF-8 stays as it is. */
function composed(link) {
  return link
    .split(/(%[0-7][0-9A-F])/)
    .map((text, index) => (index % 2 ? text : normalised(text)))
    .join("");
}

function normalised(text) {
  try {
    return encodeAll(decodeURIComponent(text).normalize("NFC"));
  } catch {
    return text;
  }
}

/** A text with each character beyond ASCII escaped as UTF-8. */
const encodeAll = (text) => text.replace(/[^\x00-\x7f]+/gu, encodeURIComponent);

function parsed(link) {
  try {
    return new URL(link);
  } catch {
    return null;
  }
}
