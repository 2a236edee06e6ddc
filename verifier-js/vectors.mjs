/**
 * Answers vectors: lines of JSON {"class", "name"} on standard input, lines of JSON {"code", "value"} on standard output.
 *
 *     node verifier-js/vectors.mjs FOLDER
 *
 * The protocol stands in tests/vectors/README.md. FOLDER holds the classes, and pieces.json.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { readers } from "./lib/readers.mjs";

const folder = process.argv[2];
const poolText = readFileSync(join(folder, "pieces.json"), "utf8");
const pool = new Map(Object.entries(JSON.parse(poolText)));
const bytesOf = (piece) => new Uint8Array(Buffer.from(piece.base64 ?? piece, piece.base64 === undefined ? "utf8" : "base64"));
const pieces = (names) => new Uint8Array(Buffer.concat(names.map((name) => bytesOf(pool.get(name)))));

/** A vector's input: `input`, its input.json, and `file(name)`, the bytes of a file beside it or in it. */
function vector(place) {
  const path = join(place, "input.json");
  const input = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  const file = (name) => (Array.isArray(input[name]) ? pieces(input[name]) : new Uint8Array(readFileSync(join(place, name))));
  return { input, file, pieces };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { class: kind, name } = JSON.parse(line);
  const answer = await readers[kind](vector(join(folder, kind, name)));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
