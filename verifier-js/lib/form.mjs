/**
 * Rules for the form of a document: docs/SPEC.md sections 1 and 2.
 *
 * A rule is a function (value, where) that throws a Problem where the value is not of its form. Rules do not change values.
 */
import { Problem } from "./problem.mjs";

/** A rule out of a test and the words for what it expects. */
export function rule(expected, holds) {
  return (value, where) => {
    if (!holds(value)) throw new Problem("form", where, expected, "something else");
  };
}

/** Text of which the whole matches a pattern. */
export const pattern = (expected, expression) => rule(expected, (value) => typeof value === "string" && expression.test(value));

/** An object with exactly these members, of which the optional ones may be absent. */
export function object(members, optional = {}) {
  const names = Object.keys(members).sort().join();
  const checks = Object.entries({ ...members, ...optional });
  return (value, where) => {
    mapping(value, where);
    const found = Object.keys(value).filter((name) => !Object.hasOwn(optional, name));
    if (found.sort().join() !== names) throw new Problem("form", where, `the members ${names}`, "others");
    for (const [name, check] of checks) if (Object.hasOwn(value, name)) check(value[name], `${where}.${name}`);
  };
}

/** An object with free names, whose names and values follow two rules. */
export function map(checkName, checkValue) {
  return (value, where) => {
    mapping(value, where);
    for (const [name, item] of Object.entries(value)) {
      checkName(name, where);
      checkValue(item, `${where}.${name}`);
    }
  };
}

/** A list whose items follow one rule. */
export function list(check, least = 0) {
  return (value, where) => {
    if (!Array.isArray(value) || value.length < least) throw new Problem("form", where, `a list of at least ${least}`, "something else");
    value.forEach((item, at) => check(item, `${where}[${at}]`));
  };
}

/** A list that is sorted as RFC 8785 sorts names, without repetition. */
export function sortedList(check, least = 0) {
  return all(list(check, least), rule("sorted, each once", (value) => value.every((item, at) => at === 0 || value[at - 1] < item)));
}

/** Several rules, one after another. */
export const all = (...checks) => (value, where) => checks.forEach((check) => check(value, where));

/** Null, or what follows a rule. */
export const orNull = (check) => (value, where) => value === null || check(value, where);

/** One of these values. */
export const oneOf = (...values) => rule(`one of ${values.map((value) => JSON.stringify(value)).join(", ")}`, (value) => values.includes(value));

/** Tell whether items are all different. */
export const distinct = (items) => new Set(items).size === items.length;

const isRealDay = (year, month, day) => {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
};
const isDate = (value) => /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(value) && Number(value.slice(0, 4)) >= 1 && isRealDay(...value.split("-").map(Number));
const isClock = (value) => /^T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$/.test(value);
const isPath = (value) =>
  value.normalize("NFC") === value &&
  new TextEncoder().encode(value).length <= 1024 &&
  !/[\\\p{Cc}]/u.test(value) &&
  value.split("/").every((part) => !["", ".", ".."].includes(part));
const isText = (value) => typeof value === "string";

export const mapping = rule("an object", (value) => value !== null && typeof value === "object" && !Array.isArray(value));
export const anything = () => {};
export const text = rule("text", isText);
export const boolean = oneOf(true, false);
export const count = rule("a whole number", Number.isSafeInteger);
export const positive = rule("a whole number from 1", (value) => Number.isSafeInteger(value) && value >= 1);
export const sha256 = pattern("64 hex characters", /^[0-9a-f]{64}$/);
export const date = rule("a date", (value) => isText(value) && isDate(value));
export const time = rule(
  "a UTC time in the years 2000 to 9999",
  (value) => isText(value) && isDate(value.slice(0, 10)) && isClock(value.slice(10)) && value >= "2000",
);
export const version = rule(
  "MAJOR.MINOR.PATCH",
  (value) => isText(value) && /^(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}$/.test(value) && value.split(".").every((part) => Number(part) < 2 ** 31),
);
export const releaseName = pattern("owner/name", /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}\/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/);
export const plainName = pattern("a name of section 2", /^[a-z0-9][a-z0-9-]{0,62}$/);
export const organisation = pattern("an organisation", /^[a-z0-9][a-z0-9.-]{0,62}$/);
export const path = rule("a path", (value) => isText(value) && isPath(value));
export const keyId = pattern("a key id", /^SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/);

/** Compare two versions as triples of numbers: negative, zero or positive. */
export function compareVersions(a, b) {
  const [first, second] = [a, b].map((value) => value.split(".").map(Number));
  const at = first.findIndex((part, index) => part !== second[index]);
  return at < 0 ? 0 : first[at] - second[at];
}
