/**
 * Closing the page's connections. A policy that is added to a page can only take away: once a run has begun, the browser itself refuses
 * every connection but those below the one address that was given, and all of them where a folder is read.
 */

let open = null; // null: nothing was closed yet; else the address that is left, "" for none

/** Tell whether a run can read from below this address; null stands for a folder, which needs no connection. */
export const isOpenTo = (address) => address === null || open === null || open === address;

/** Close every connection but those below an address; null closes all. */
export function lock(address) {
  const allowed = address ?? "";
  if (open === allowed) return;
  open = allowed;
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = `connect-src ${address === null ? "'none'" : address.replaceAll(";", "%3B").replaceAll(",", "%2C")}`;
  document.head.append(policy);
}
