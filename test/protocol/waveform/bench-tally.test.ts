import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { addUp, runsIn } from "../../bench/waveform/tally.ts";

const run = (seed: number, wrong: number) => ({
  run: `[${seed}]`,
  swipes: 100,
  right: 90,
  wrong,
  sounds: { noise: { seconds: 1800, accepted: wrong } },
});

t.test("runs of the waveform bench with different seeds add up", async (t) => {
  const file = join(t.testdir(), "tally.jsonl");
  t.strictSame(runsIn(file), [], "none yet");
  addUp(file, run(1, 0));
  const sum = addUp(file, run(2, 1));
  t.match(sum, "2 runs");
  t.match(sum, "1 wrong accepts in 200 swipes, 180 of them read");
  t.match(sum, "noise: 1.00 h, 1 accepted");
  t.strictSame(runsIn(file), [run(1, 0), run(2, 1)]);
});

t.test("a file that is none of its own is refused", async (t) => {
  const file = join(t.testdir(), "tally.jsonl");
  writeFileSync(file, `${JSON.stringify(run(1, 0))}\n{"run":"[2]"}\n`);
  t.throws(() => runsIn(file), /line 2/);
});
