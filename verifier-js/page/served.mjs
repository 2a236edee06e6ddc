/**
 * A folder on a web server, which cannot be listed: its files are those that the record names.
 *
 * The manifest names the data, the checkpoint the tiles, and the log's entries the files of attestations/, reports/ and opinions/.
 * Whether other files lie there nobody can say, so the source is `unlisted`, which keeps the verdict at best `incomplete` (SPEC section 14).
 * Nothing that is read here is believed: verify() checks all of it.
 */
import * as bundle from "../lib/bundle.mjs";
import * as manifests from "../lib/manifest.mjs";
import * as note from "../lib/note.mjs";
import { orNull } from "../lib/problem.mjs";
import * as statement from "../lib/statement.mjs";
import { entryTiles, splitTile, TILE_LIMIT, tilePaths } from "../lib/tiles.mjs";
import * as trusts from "../lib/trust.mjs";

const CHECKPOINT = "log/checkpoint";
const MOST_ENTRIES = 1 << 20; // a hostile checkpoint must not make us ask for more files than there can be
const AT_ONCE = 6;

/** The server cannot be reached, or does not let this page read; no verdict follows from that. */
export class UnreachableError extends Error {}

/** The address of a folder: http or https, without query, ending in "/"; null for any other text. */
export function folderAddress(text) {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  if (!["http:", "https:"].includes(url?.protocol) || url.username || url.password || /\*|%2a/i.test(url.host)) return null; // a star would open other hosts, too
  url.search = url.hash = "";
  url.pathname = url.pathname.replace(/\/*$/, "/");
  return url.href;
}

/** The source of what lies below an address, by the record that lies there. */
export async function servedSource(address, trustBytes) {
  const server = new Server(address);
  await server.keep([[manifests.PATH, manifests.LIMIT], [CHECKPOINT, note.LIMIT]]);
  const manifest = orNull(() => manifests.parse(server.bytes(manifests.PATH)));
  const signed = orNull(() => note.parseSigned(server.bytes(CHECKPOINT)));
  const size = signed !== null && signed.size <= MOST_ENTRIES ? signed.size : 0;
  await server.keep(tilePaths(size).map((path) => [`log/${path}`, TILE_LIMIT]));
  await server.keep(recordPaths(server, size, manifest, orNull(() => trusts.parse(trustBytes))).map((path) => [path, bundle.LIMIT]));
  if (manifest !== null) await server.find([...manifest.files, ...manifest.shards]);
  return { unlisted: true, list: () => server.listed(), digest: () => null, stream: (path) => server.stream(path), lost: () => server.lost };
}

/** Where the statements about a manifest must lie, by the log's entries. */
function recordPaths(server, size, manifest, trust) {
  const paths = new Set();
  for (const bytes of entriesOf(server, size)) {
    const sealed = orNull(() => bundle.parse(bytes, "entry"));
    const said = sealed && orNull(() => statement.parse(sealed.payload));
    const organisation = trust?.keys.get(sealed?.keyid)?.organisation;
    if (said?.subject.sha256 !== manifest?.digest || organisation === undefined) continue;
    if (said.kind === "filter-step") paths.add(statement.stepPath(said.predicate.step, sealed.keyid));
    if (said.kind === "audit-report") paths.add(statement.reportPath(organisation, sealed.keyid));
    if (said.kind === "opinion") paths.add(statement.opinionPath(organisation, sealed.keyid));
  }
  return [...paths];
}

function* entriesOf(server, size) {
  for (const { path, width } of entryTiles(size)) yield* orNull(() => splitTile(server.bytes(`log/${path}`), width, path)) ?? [];
}

/** What lies below an address: small files are kept, large ones are read when they are asked for. */
class Server {
  #kept = new Map();
  #found = new Map();
  /** The error that a read ended with which the network broke off, or null: what was found then is no verdict. */
  lost = null;

  constructor(address) {
    this.address = address;
  }

  /** The bytes of a file that was kept; none for one that is not there. */
  bytes = (path) => this.#kept.get(path) ?? new Uint8Array();

  listed = () => [
    ...[...this.#kept].map(([path, bytes]) => ({ path, size: bytes.length, kind: "file" })),
    ...[...this.#found].map(([path, size]) => ({ path, size, kind: "file" })),
  ];

  /** Fetch and keep files [path, limit]; one that is not there is not listed, and one that is larger is listed as too large to be read. */
  async keep(files) {
    await inTurns(files, async ([path, limit]) => {
      const response = await this.#ask(path, "GET");
      if (!response.ok) return;
      const bytes = await limited(this.#pieces(path, response), limit);
      if (bytes === null) this.#found.set(path, limit + 1);
      else this.#kept.set(path, bytes);
    });
  }

  /** Find files {path, bytes}. What a server says of a size may be that of the file as it was packed for the way, and proves nothing. */
  async find(files) {
    await inTurns(files, async ({ path, bytes }) => {
      const response = await this.#ask(path, "HEAD");
      if (response.ok) this.#found.set(path, bytes);
    });
  }

  /** The bytes of a file; of one that is longer than it should be, a little more than that, so that no server keeps us for ever. */
  async *stream(path) {
    if (this.#kept.has(path)) return yield this.#kept.get(path);
    let left = this.#found.get(path);
    for await (const piece of this.#pieces(path, await this.#ask(path, "GET"))) {
      yield piece;
      left -= piece.length;
      if (left < 0) return;
    }
  }

  async *#pieces(path, { body }) {
    try {
      if (body !== null) yield* chunks(body);
    } catch {
      throw (this.lost = new UnreachableError(`${this.#url(path)} broke off before its end. This is no verdict: verify again.`));
    }
  }

  #url = (path) => this.address + path.split("/").map(encodeURIComponent).join("/");

  async #ask(path, method) {
    const url = this.#url(path);
    try {
      return await fetch(url, { method, cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer" });
    } catch {
      throw (this.lost = new UnreachableError(`${url} cannot be read: there is no such server, it sends elsewhere, or it does not let other sites' pages read (CORS). This is no verdict.`));
    }
  }
}

/** Do something for each item, a few at once. */
async function inTurns(items, act) {
  const rest = items.values();
  const turn = async () => {
    for (const item of rest) await act(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
}

/** The pieces of a stream; whoever takes no more ends it. */
async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value;
  } finally {
    await reader.cancel();
  }
}

/** The bytes of pieces, or null if there are more than `limit`. */
async function limited(pieces, limit) {
  const parts = [];
  let length = 0;
  for await (const part of pieces) {
    length += part.length;
    if (length > limit) return null;
    parts.push(part);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
