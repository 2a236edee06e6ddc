/** In the worker: a release out of chosen files or from below an address, verified; the page stays alive meanwhile. */
import { verify } from "../lib/verify.mjs";
import { holdsCopy, localSource } from "./local.mjs";
import { servedSource, UnreachableError } from "./served.mjs";

const TELL_EVERY = 100; // milliseconds

/**
 * Answer one order {files | address, trust, seen, now} with {done, total} messages, then {report, isCopy} or {error}.
 *
 * `isCopy` tells whether the trust file lies in the release too.
 */
export function work(scope) {
  scope.onmessage = async ({ data }) => {
    try {
      const source = await (data.files ? localSource(data.files) : servedSource(data.address, data.trust));
      const report = await verify(told(source, scope), data);
      if (source.lost?.()) throw source.lost();
      scope.postMessage({ report, isCopy: await holdsCopy(data.files, data.trust) });
    } catch (error) {
      scope.postMessage({ error: error instanceof UnreachableError ? error.message : `This is a fault of the page, not a verdict: ${error.message}` });
    }
  };
}

/** A source that tells how many bytes were read. */
function told(source, scope) {
  let done = 0;
  let last = 0;
  const sizes = new Map(source.list().map(({ path, size }) => [path, size]));
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const count = (bytes) => {
    done += bytes;
    const now = performance.now();
    if (now - last < TELL_EVERY) return;
    last = now;
    scope.postMessage({ done, total });
  };
  return {
    ...source,
    digest: async (path) => {
      const digest = await source.digest(path);
      if (digest) count(sizes.get(path));
      return digest;
    },
    stream: async function* (path) {
      for await (const piece of await source.stream(path)) {
        count(piece.length);
        yield piece;
      }
    },
  };
}
