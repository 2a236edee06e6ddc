/** The Merkle tree hash of RFC 6962 section 2.1, and the roots of docs/SPEC.md section 3.3. */
import { concat, u64 } from "./bytes.mjs";
import { sha256 } from "./sha256.mjs";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const EMPTY = sha256();
export const leafHash = (data) => sha256(LEAF, data);
export const nodeHash = (left, right) => sha256(NODE, left, right);

/** The tree hash over hashes of leaves, or of full subtrees of one size, of which the last may be smaller. */
export function rootOf(hashes) {
  if (hashes.length === 0) return EMPTY;
  let level = hashes;
  while (level.length > 1) {
    const next = [];
    for (let at = 0; at + 1 < level.length; at += 2) next.push(nodeHash(level[at], level[at + 1]));
    // Without a neighbour a hash goes up as it is: the same tree as RFC 6962's split at the largest power of two.
    if (level.length % 2) next.push(level.at(-1));
    level = next;
  }
  return level[0];
}

/** MTH over data. */
export const treeRoot = (leaves) => rootOf(leaves.map(leafHash));

/** The root over shards: each is its root and its number of rows. */
export const shardsRoot = (shards) => treeRoot(shards.map(({ root, rows }) => concat(root, u64(rows))));
