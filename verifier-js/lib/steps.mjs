/** What the institution claims of its steps, and of the line's last release: docs/SPEC.md sections 13.9 and 13.10. */
import { compareVersions } from "./form.mjs";
import { Problem } from "./problem.mjs";

const DAY = 86_400_000;

/** Check the steps of a candidate against manifest and trust file; returns every problem. */
export function checkSteps({ manifest, candidate, state, trust }) {
  const steps = candidate.predicate.steps.map((digest) => state.steps.get(digest).predicate);
  const checks = [...identity(manifest, steps), ...chain(steps), ...balance(manifest, steps)];
  for (const step of steps) checks.push(...stepChecks(step, trust.steps.find(({ name }) => name === step.step.name)));
  checks.push([isRequiredOrder(trust.steps, manifest.steps), "step-required", "manifest", "the trust file's steps in order"]);
  return checks.filter(([holds]) => !holds).map(([, code, where, expected]) => new Problem(code, where, expected, "something else"));
}

function identity(manifest, steps) {
  const checks = [[steps.length === manifest.steps.length, "step-mismatch", "candidate", `${manifest.steps.length} steps`]];
  for (const [at, { step, planDigest }] of steps.entries()) {
    const named = manifest.steps[at];
    const holds = step.name === named?.name && step.kind === named?.kind && step.order === at + 1 && planDigest === manifest.planDigest;
    checks.push([holds, "step-mismatch", step.name, "the manifest's step and plan"]);
  }
  return checks;
}

const chain = (steps) =>
  steps.slice(1).map(({ step, input }, at) => {
    const { output } = steps[at];
    return [input.commitment === output.commitment && input.rows === output.rows, "chain", step.name, "what the step before gave on"];
  });

function balance(manifest, steps) {
  const checks = [
    [steps[0].input.rows === manifest.source.rows, "counts", steps[0].step.name, "the rows of the source"],
    [steps.at(-1).output.rows === manifest.rows, "counts", steps.at(-1).step.name, "the rows of the release"],
  ];
  for (const { step, input, output, removed, unscreenable, keptLowQuality, coverage } of steps) {
    checks.push([input.rows === output.rows + removed + unscreenable, "counts", step.name, "every row kept, removed or unscreenable"]);
    checks.push([Object.values(coverage).every((rows) => rows <= input.rows), "counts", step.name, "no coverage above the rows"]);
    checks.push([keptLowQuality <= output.rows, "counts", step.name, "no more kept at low quality than kept"]);
  }
  return checks;
}

function stepChecks({ step, selfTest, lists, finishedOn }, required) {
  const limit = required?.maxListAgeDays ?? null;
  const ages = lists.map(({ vintage }) => (Date.parse(finishedOn.slice(0, 10)) - Date.parse(vintage)) / DAY);
  const isFull = ({ entries }) => Object.keys(entries).length > 0 && Object.values(entries).every((count) => count > 0);
  return [
    [selfTest.caught === selfTest.planted && (lists.length === 0 || selfTest.planted > 0), "self-test", step.name, "every canary found"],
    [ages.every((age) => age >= 0 && (limit === null || age <= limit)), "list-age", step.name, `lists of 0 to ${limit ?? "any number of"} days`],
    [lists.every(isFull) && (limit === null || lists.length > 0), "list-empty", step.name, "lists with entries"],
  ];
}

/** Tell whether the manifest's steps contain the required ones in order. */
function isRequiredOrder(required, steps) {
  let next = 0;
  for (const { name, kind } of steps) if (name === required[next]?.name && kind === required[next].kind) next++;
  return next === required.length;
}

/** Check that the manifest follows the release that had last applied when its candidate was logged (13.10). */
export function checkPrevious({ manifest, candidate, state }) {
  const last = state.predecessor(candidate);
  const { previous, version } = manifest;
  const { previousManifest, version: said } = candidate.predicate;
  const follows = last === null ? previous === null : previous?.version === last.version && previous.manifest === last.subject.sha256;
  const checks = [
    [follows, "previous", "manifest", "the line's last release"],
    [last === null || compareVersions(version, last.version) > 0, "version-not-newer", "manifest", `above ${last?.version}`],
    [said === version && previousManifest === (previous?.manifest ?? null), "candidate-mismatch", "candidate", "version and predecessor of the manifest"],
  ];
  return checks.filter(([holds]) => !holds).map(([, code, where, expected]) => new Problem(code, where, expected, "something else"));
}
