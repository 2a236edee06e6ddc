/** The head of the card, from which stock readers take which files are the data: docs/SPEC.md section 6.1. */
import { Problem } from "./problem.mjs";

export const PATH = "README.md";
export const LIMIT = 1 << 20;
const TEXT = String.raw`"(?:[ !#-\[\]-~]|\\["\\]|\\u[0-9A-F]{4}|\\U[0-9A-F]{8})*"`;
const TEXTS = "license|license_name|extra_gated_prompt";
const SECTIONS = "language|size_categories|task_categories|source_datasets|tags|extra_gated_fields";
const FREE = new RegExp(`^(?:(?:${TEXTS}): ${TEXT}|(?:${SECTIONS}):|- ${TEXT}|  ${TEXT}: ${TEXT})$`);

/** Check that the head names the data of the manifest and nothing else; returns every problem. */
export function checkCard(bytes, manifest) {
  const head = headLines(bytes);
  const start = head?.indexOf("configs:") ?? -1;
  const holds = start >= 0 && head.slice(0, start).every((line) => FREE.test(line)) && head.slice(start).join("\n") === dataLines(manifest).join("\n");
  return holds ? [] : [new Problem("card-head", PATH, "the head of section 6.1", "something else")];
}

/** The lines between the first line and the next one that is `---`, or null. Each byte is a character: only ASCII is allowed. */
function headLines(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  const lines = text.split("\n");
  const end = lines.indexOf("---", 1);
  return lines[0] === "---" && end > 0 && end < lines.length - 1 ? lines.slice(1, end) : null;
}

/** The lines that name the data: one configuration, and the shards of each split. */
function dataLines({ shards }) {
  const totals = new Map();
  for (const { split } of shards) totals.set(split, (totals.get(split) ?? 0) + 1);
  const digits = (number) => String(number).padStart(5, "0");
  const lines = [...totals].flatMap(([split, total]) => [`  - split: "${split}"`, `    path: "data/${split}-*-of-${digits(total)}.parquet"`]);
  return ["configs:", "- config_name: default", "  data_files:", ...lines];
}
