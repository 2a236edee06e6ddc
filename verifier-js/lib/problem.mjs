/** One thing that does not hold: a code of docs/SPEC.md, where, what was expected there and what was found. */
export class Problem extends Error {
  constructor(code, where = "", expected = "", found = "") {
    super([code, where && `at ${where}`, expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean).join("; "));
    this.name = "Problem";
    Object.assign(this, { code, where, expected, found });
  }

  /** The same problem under the code of the section that found it. */
  as(code) {
    return new Problem(code, this.where, this.expected, this.found);
  }

  /** What a report shows of it. */
  toJSON() {
    return { code: this.code, where: this.where, expected: this.expected, found: this.found };
  }
}

/** Run a reader; a problem that it finds gets this code. Other errors are faults of this program, and pass. */
export function under(code, reader) {
  try {
    return reader();
  } catch (error) {
    throw error instanceof Problem ? error.as(code) : error;
  }
}

/** Run a reader; return what it reads, or null where it finds a problem. */
export function orNull(reader) {
  try {
    return reader();
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}
