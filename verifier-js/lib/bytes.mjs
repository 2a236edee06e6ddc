/** Bytes and their texts: UTF-8, hex, base64 and big-endian numbers. Each reader takes one form and no other (SPEC, introduction). */
import { Problem } from "./problem.mjs";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export const utf8 = (text) => new TextEncoder().encode(text);

/** Read UTF-8; overlong forms, surrogates and stray bytes are refused, and a byte order mark is a character. */
export function text(bytes, where) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Problem("form", where, "UTF-8", "other bytes");
  }
}

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Read hex that a rule has found well formed. */
export const unhex = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** Write padded base64 (RFC 4648 section 4). */
export function base64(bytes) {
  let characters = "";
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return btoa(characters);
}

/** Read padded base64: no white space, and unused bits are zero. */
export function unbase64(digits, where) {
  if (typeof digits === "string" && BASE64.test(digits)) {
    const bytes = Uint8Array.from(atob(digits), (character) => character.charCodeAt(0));
    if (base64(bytes) === digits) return bytes;
  }
  throw new Problem("form", where, "padded base64", "something else");
}

/** Join byte strings. */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Tell whether two byte strings are one. */
export const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** Order two byte strings as their bytes. */
export function compareBytes(a, b) {
  for (let at = 0; at < Math.min(a.length, b.length); at++) if (a[at] !== b[at]) return a[at] - b[at];
  return a.length - b.length;
}

/** Eight bytes, big-endian, of a number or BigInt; negative ones in two's complement. */
export function u64(number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(number)));
  return bytes;
}
