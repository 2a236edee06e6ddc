/** The types of columns as text: docs/SPEC.md section 3.1. */
import { Problem } from "./problem.mjs";

const UNIT = "(?:s|ms|us|ns)";
const PLAIN = new RegExp(
  [
    "^(?:bool|u?int(?:8|16|32|64)|float(?:16|32|64)|string|binary|date(?:32|64)|time32\\[(?:s|ms)\\]|time64\\[(?:us|ns)\\]",
    `|timestamp\\[${UNIT}(?:,[A-Za-z0-9_+:/-]+)?\\]|duration\\[${UNIT}\\])$`,
  ].join(""),
);
const DEPTH = 16;

/** Read a type's text: {name}, {name: "list", item} or {name: "struct", fields: [{name, type}]}. */
export function parseType(text, where = "type", depth = 1) {
  if (depth > DEPTH) throw new Problem("form", where, `types at most ${DEPTH} deep`, "more");
  if (PLAIN.test(text)) return { name: text };
  const inner = /^(list|struct)<(.+)>$/su.exec(text);
  if (inner?.[1] === "list") return { name: "list", item: parseType(inner[2], where, depth + 1) };
  if (inner?.[1] === "struct") return { name: "struct", fields: splitFields(inner[2], where).map((field) => readField(field, where, depth + 1)) };
  throw new Problem("form", where, "a type of section 3.1", "something else");
}

/** Split at the commas that lie within no escape and no brackets of either kind. */
function splitFields(text, where) {
  const fields = [""];
  let open = 0;
  for (const part of text.match(/\\?./gsu)) {
    if (part === "<" || part === "[") open++;
    if (part === ">" || part === "]") open--;
    if (open < 0) throw new Problem("form", where, "balanced brackets", "something else");
    if (part === "," && open === 0) fields.push("");
    else fields[fields.length - 1] += part;
  }
  return fields;
}

function readField(text, where, depth) {
  const parts = /^((?:\\[,:<>\\]|[^,:<>\\])*):(.*)$/su.exec(text);
  if (parts === null) throw new Problem("form", where, "a field name:type", "something else");
  return { name: parts[1].replace(/\\(.)/gsu, "$1"), type: parseType(parts[2], where, depth) };
}
