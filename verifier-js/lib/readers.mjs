/**
 * What this verifier answers to a vector, class by class: tests/vectors/README.md.
 *
 * A vector is {input, file(name), pieces(names)}; an answer {code, value}. Nothing here knows what is expected.
 */
import * as bundle from "./bundle.mjs";
import { hex, text, unbase64, unhex, utf8 } from "./bytes.mjs";
import { decode, MIB } from "./canonical.mjs";
import * as exchange from "./exchange.mjs";
import { PublicKey } from "./keys.mjs";
import { canonicalUrl, listedUrl } from "./links.mjs";
import * as manifests from "./manifest.mjs";
import { rootOf, shardsRoot } from "./merkle.mjs";
import * as note from "./note.mjs";
import { Problem, under } from "./problem.mjs";
import { replay } from "./replay.mjs";
import * as receipts from "./receipt.mjs";
import { verdictOf } from "./report.mjs";
import * as rows from "./rows.mjs";
import { sha256 } from "./sha256.mjs";
import * as statement from "./statement.mjs";
import { checkTiles } from "./tiles.mjs";
import { firstCode } from "./codes.mjs";
import { parseType } from "./types.mjs";
import { readTrust, recorded, verify } from "./verify.mjs";

const ok = (value = null) => ({ code: "ok", value });

/** A reader whose problems are answers: under this code, or under their own. */
function answering(reader, code = null) {
  return async (vector) => {
    try {
      return await reader(vector);
    } catch (error) {
      if (error instanceof Problem) return { code: code ?? error.code, value: null };
      throw error;
    }
  };
}

/** A value of a vector as encodeValue wants it: numbers are written as text there. */
function value(type, written) {
  if (written === null) return null;
  if (type.name === "list") return written.map((item) => value(type.item, item));
  if (type.name === "struct") return type.fields.map((field, at) => value(field.type, written[at]));
  if (type.name.startsWith("float")) return new DataView(unhex(written).buffer).getFloat64(0);
  if (type.name === "binary") return unbase64(written, "value");
  return ["bool", "string"].includes(type.name) ? written : BigInt(written);
}

function readValue({ input }) {
  const type = parseType(input.type);
  return ok(hex(rows.encodeValue(type, value(type, input.value))));
}

function readRow({ input }) {
  const columns = input.rows.map((row) => input.schema.map((column, at) => rows.columnDigest(column, value(parseType(column.type), row[at]))));
  return ok({ columns: columns.map((row) => row.map(hex)), rows: columns.map((row) => hex(rows.rowDigest(row))) });
}

function readRoot({ input }) {
  const groups = input.shards.map((shard) => rows.groupRoots(shard.map(unhex), input.rowGroupRows));
  const roots = groups.map(rootOf);
  const root = shardsRoot(roots.map((hash, at) => ({ root: hash, rows: input.shards[at].length })));
  return ok({ rowGroupRoots: groups.map((group) => group.map(hex)), shardRoots: roots.map(hex), root: hex(root) });
}

function readKeyed({ input }) {
  const keys = { rowKey: unhex(input.rowKey), matchKey: unhex(input.matchKey) };
  const shards = input.shards.map((shard) => shard.map(unhex));
  const gone = shards.map(() => new Set());
  const boundaries = [];
  for (const [boundary, step] of [[], ...input.gone].entries()) {
    step.forEach((positions, shard) => positions.forEach((position) => gone[shard].add(position)));
    const { leaves, shardRoots, root, commitment } = rows.keyedBoundary({ ...keys, shards, gone, boundary });
    boundaries.push({ leaves: leaves.map((shard) => shard.map(hex)), shardRoots: shardRoots.map(hex), root: hex(root), commitment: hex(commitment) });
  }
  return ok(boundaries);
}

async function readKey({ file }) {
  const key = await PublicKey.fromPem(text(file("key.pem"), "key"));
  return ok({ keyid: key.keyid, keyid8: hex(key.fingerprint).slice(0, 8), kind: key.kind, raw: hex(key.raw) });
}

function readVkey({ input }) {
  const { id, name, raw, type } = note.parseVkey(input.vkey);
  return ok({ id: hex(id), name, public: hex(raw), type });
}

async function readBundle({ file }) {
  const key = await PublicKey.fromPem(text(file("key.pem"), "key"));
  const { payload, keyid, signature, digest } = under("malformed", () => bundle.parse(file("bundle.json"), "bundle"));
  const signed = bundle.preAuthentication(payload);
  if (keyid !== key.keyid || !(await key.signed(signature, signed))) return { code: "bad-signature", value: null };
  return ok({ digest, keyid, payloadSha256: hex(sha256(payload)), paeSha256: hex(sha256(signed)) });
}

function readStatement({ file }) {
  const { kind, predicateType, subject } = statement.parse(file("payload"));
  return kind === null ? { code: "unknown-type", value: { predicateType } } : ok({ predicateType, subject: [subject.name, subject.sha256] });
}

function readManifest({ file }) {
  const manifest = under("manifest", () => manifests.parse(file("release.json")));
  for (const problems of [manifests.arithmetic(manifest), manifests.roots(manifest)]) for (const { code } of problems) return { code, value: null };
  return ok({ digest: manifest.digest, root: manifest.root, rows: manifest.rows });
}

async function readTrustFile({ file }) {
  const { trust, problems } = await readTrust(file("trust.json"));
  const codes = [...new Set(problems.map(({ code }) => code))].sort();
  return codes.length > 0 ? { code: codes.join(" "), value: null } : ok({ digest: trust.digest });
}

async function readLog({ input, file, pieces }) {
  const signed = under("checkpoint-form", () => note.parseSigned(file("checkpoint")));
  const witnesses = input.witnesses.map((vkey) => note.parseVkey(vkey));
  const times = await note.verifySigned(signed, note.parseVkey(input.log), witnesses);
  await checkTiles(signed, Object.keys(input.files), async (path) => pieces(input.files[path]));
  const cosignatures = Object.fromEntries([...times].map(([vkey, time]) => [note.parseVkey(vkey).name, time]));
  return ok({ size: signed.size, root: hex(signed.root), cosignatures });
}

async function readReplay({ input, pieces }) {
  const { trust, keys } = await readTrust(pieces(input.trust));
  const state = await replay(input.entries.map((name) => pieces([name])), trust, keys);
  const voids = state.voids.map(({ index, code }) => [index, code]);
  const candidates = [...state.candidates.values()].filter(state.candidateStands);
  const standing = (on) => candidates.reduce((total, candidate) => total + on(candidate).length, 0);
  return {
    code: voids[0]?.[1] ?? "ok",
    value: {
      voids,
      candidates: candidates.length,
      reports: standing(state.reportsOn),
      opinions: standing(state.opinionsOn),
      releases: state.releases.map(({ version, recalled }) => [version, recalled !== null]),
      withdrawnKeys: [...state.withdrawnKeys.keys()].sort(),
      supersededBy: state.supersededBy ?? "",
    },
  };
}

async function readVerdict({ input, pieces }) {
  const files = new Map(Object.entries(input.files).map(([path, names]) => [path, pieces(names)]));
  const source = {
    list: () => [...files].map(([path, bytes]) => ({ path, size: bytes.length, kind: input.links.includes(path) ? "a symbolic link" : "file" })),
    stream: async function* (path) {
      yield files.get(path);
    },
  };
  const seen = input.seen === null ? null : pieces(input.seen);
  const report = await verify(source, { trust: pieces(input.trust), now: Date.parse(input.now) / 1000, seen });
  const codes = [...new Set(report.failures.map(({ code }) => code))].sort();
  return { code: firstCode(codes), value: { verdict: report.verdict, exit: report.exitCode, codes } };
}

async function readReceipt({ input, pieces }) {
  const bytes = pieces(input.receipt);
  const receipt = receipts.parse(bytes);
  const found = await recorded(receipts.recordOf(receipt), { trust: pieces(input.trust), now: Date.parse(input.now) / 1000 });
  const codes = [...new Set(found.map(({ code }) => code))].sort();
  if (codes.length === 0) receipts.checkRows(receipt);
  const digests = codes.length > 0 ? [] : receipt.rows.map((row) => [row.shard, row.row, hex(receipts.digestOf(receipt, row))]);
  return { code: firstCode(codes), value: { verdict: verdictOf(codes), codes, rows: digests } };
}

async function readExchange({ input, pieces }) {
  if (input.what === "ids") return ok(input.digests.map((digest, at) => hex(exchange.rowId(unhex(input.salt), input.first + at, unhex(digest)))));
  const key = await PublicKey.fromPem(input.key);
  const request = exchange.readRequest(pieces(input.request));
  const asked = input.what === "request";
  const signed = asked ? request : exchange.readAnswer(pieces(input.answer));
  const { keyid, signature, payload } = signed.envelope;
  if (keyid !== key.keyid || !(await key.signed(signature, bundle.preAuthentication(payload)))) return { code: "exchange-signature", value: null };
  return ok(asked ? exchange.checkRequest(pieces(input.file), request) : exchange.checkAnswer(pieces(input.file), request, signed));
}

function readList({ input }) {
  const key = unhex(input.matchKey);
  const bytes = (type, entry) => (["url", "domain"].includes(type) ? sha256(utf8(entry)) : unhex(entry));
  const entries = new Map(Object.entries(input.entries).map(([type, listed]) => [type, listed.map((entry) => bytes(type, entry))]));
  const keyed = Object.fromEntries([...entries].map(([type, listed]) => [type, rows.keyedEntries(key, type, listed).map(hex)]));
  return ok({ commitment: hex(rows.listCommitment(key, entries)), keyedEntries: keyed });
}

function readUrl({ input }) {
  const url = (input.in === "list" ? listedUrl : canonicalUrl)(input.text);
  return url === null ? { code: "refused", value: null } : ok({ url, host: new URL(url).hostname, entry: hex(sha256(utf8(url))) });
}

/** The readers by class. */
export const readers = {
  json: answering(({ file }) => ok(void decode(file("document"), "document", MIB)), "refused"),
  value: readValue,
  row: readRow,
  root: readRoot,
  keyed: readKeyed,
  key: answering(readKey, "refused"),
  vkey: answering(readVkey, "refused"),
  bundle: answering(readBundle),
  statement: answering(readStatement, "malformed"),
  manifest: answering(readManifest),
  trust: answering(readTrustFile),
  log: answering(readLog),
  replay: readReplay,
  verdict: readVerdict,
  receipt: answering(readReceipt),
  list: readList,
  exchange: answering(readExchange),
  url: readUrl,
  padme: ({ input }) => ok(input.lengths.map(rows.padded)),
};
