import fc from "fast-check";
import t from "tap";
import { histories, live } from "./history.ts";
import { foundWorld } from "./world.ts";

// A few of those that `npm run faults` lives through, so that a change which breaks them is seen at once.
t.test("whatever happens, bank, ledger, order and merchant agree in the end and nobody is charged twice", async (t) => {
  const foundation = await foundWorld();
  t.teardown(() => foundation.close());
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const wrong = await live(foundation, history);
      if (wrong.length > 0) throw new Error(wrong.join("; "));
    }),
    { numRuns: 40, seed: 20261101 },
  );
  t.pass();
});
