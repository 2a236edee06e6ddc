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
  url.hostname = host;
  return url.href.replace(/%([0-9a-f]{2})/gi, (escape, digits) => {
    const character = String.fromCharCode(parseInt(digits, 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
}

function parsed(link) {
  try {
    return new URL(link);
  } catch {
    return null;
  }
}
