/** Elements and texts. Every text becomes a text node, never markup. */

export const byId = (id) => document.getElementById(id);

/** An element with properties and children; texts among the children become text nodes. */
export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Put these children, and no others, into an element. */
export const fill = (into, ...children) => into.replaceChildren(...children.filter((child) => child !== ""));

/** Say why there is no verdict, or no run; "" says nothing. */
export const complain = (words) => fill(byId("complaint"), words);

// Controls, format characters, all spaces but the plain one, what has no glyph, the blank of Braille, and marks that pile up on a letter.
const ODD = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Surrogate}\p{DI}\u2800]|(?! )\p{Z}|(?<=\p{M}{3})\p{M}/gu;

/** A stranger's text with all written out that would hide it, turn it around, part it, or cover what stands above. */
export const plain = (text) => text.replace(ODD, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);

/** Our own words as nodes: what stands between backticks is code. */
export const marked = (words) => words.split("`").map((part, at) => (at % 2 ? element("code", {}, part) : part));

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** A size in decimal units. */
export function sizeText(bytes) {
  const power = Math.min(bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3), UNITS.length - 1);
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}

/** A span of time in the largest unit of which there are two. */
export function spanText(seconds) {
  for (const [unit, length] of [["days", 86400], ["hours", 3600], ["minutes", 60]]) if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  return `${seconds} seconds`;
}
