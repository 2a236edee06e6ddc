/** Reading the files of a release through an interface, so that nothing here touches a file system. docs/SPEC.md section 13. */
import { hex } from "./bytes.mjs";
import { Problem } from "./problem.mjs";
import { Sha256 } from "./sha256.mjs";

/**
 * The files of a release.
 *
 * `source` is what a front end brings: `list()`, an array of {path, size, kind} with kind `file` or words for what it is
 * instead; `stream(path)`, an async iterable of Uint8Array. Both may be asynchronous. Where it has a faster way, `digest(path)`, the
 * SHA-256 of a file, or null for one that is to be streamed. `unlisted` is true where nobody can tell which other files there are.
 */
export class Listing {
  static async of(source) {
    return new Listing(source, await source.list());
  }

  constructor(source, files) {
    this.source = source;
    this.files = new Map(files.map((file) => [file.path, file]));
  }

  has = (path) => this.files.has(path);
  isFile = (path) => this.files.get(path)?.kind === "file";
  paths = () => [...this.files.keys()].sort();

  /** Return a file's bytes, of at most `limit`. */
  async read(path, limit) {
    const { size } = this.#entry(path);
    if (size > limit) throw new Problem("file-size", path, `at most ${limit} bytes`, `${size}`);
    const bytes = new Uint8Array(size);
    let filled = 0;
    for await (const piece of this.#pieces(path)) {
      if (filled + piece.length <= size) bytes.set(piece, filled);
      filled += piece.length;
    }
    if (filled !== size) throw new Problem("file-size", path, `${size} bytes, as when it was listed`, `${filled}`);
    return bytes;
  }

  /** Return the sha256 (hex) of a file of any size. */
  async digest(path) {
    this.#entry(path);
    return hex((await this.#whole(path)) ?? (await this.#inPieces(path)));
  }

  async #whole(path) {
    try {
      return (await this.source.digest?.(path)) ?? null;
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  async #inPieces(path) {
    const hash = new Sha256();
    for await (const piece of this.#pieces(path)) hash.update(piece);
    return hash.digest();
  }

  #entry(path) {
    const entry = this.files.get(path);
    if (entry?.kind !== "file") throw new Problem("folder-missing", path, "a file", entry?.kind ?? "none");
    return entry;
  }

  async *#pieces(path) {
    try {
      yield* await this.source.stream(path);
    } catch (error) {
      throw unreadable(path, error);
    }
  }
}

const unreadable = (path, error) => new Problem("unreadable", path, "a file that can be read", `${error.code || error.name}`);
