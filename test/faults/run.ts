import { parseArgs } from "node:util";
import fc from "fast-check";
import { histories, live } from "./history.ts";
import { foundWorld } from "./world.ts";

/** `npm run faults -- --histories N --seed S`: random histories of payments; those of a seed are always the same. */
const { values } = parseArgs({
  options: {
    histories: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    /** As a failure prints it: that history alone. */
    path: { type: "string" },
  },
});
const numRuns = Number(values.histories);
const seed = Number(values.seed);
process.stdout.write(`${numRuns} histories from seed ${seed}\n`);

const foundation = await foundWorld();
const outcome = await fc.check(
  fc.asyncProperty(histories, async (history) => {
    const wrong = await live(foundation, history);
    if (wrong.length > 0) throw new Error(wrong.join("; "));
  }),
  { numRuns, seed, ...(values.path !== undefined && { path: values.path }) },
);
foundation.close();

if (outcome.failed) {
  process.stdout.write(`${await fc.defaultReportMessage(outcome)}\n`);
  process.stdout.write(`${outcome.errorInstance instanceof Error ? outcome.errorInstance.message : "a fault"}\n`);
  process.stdout.write(`To see it again: npm run faults -- --seed ${seed} --path ${outcome.counterexamplePath}\n`);
}
process.stdout.write(`${outcome.numRuns - (outcome.failed ? 1 : 0)} passed, ${outcome.failed ? 1 : 0} failed\n`);
process.exitCode = outcome.failed ? 1 : 0;
