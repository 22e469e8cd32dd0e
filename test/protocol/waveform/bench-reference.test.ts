import t from "tap";
import { conditions } from "../../bench/waveform/conditions.ts";
import type { Outcome } from "../../bench/waveform/grid.ts";
import { besideReference } from "../../bench/waveform/reference.ts";

const outcome = (right: boolean): Outcome => ({ right, wrong: 0, signal: 1, taken: 0.01, delay: 0.06, work: 0.01 });

const tallies = (missed: string) =>
  conditions.map((condition) => {
    const isMissed = `${condition.group}: ${condition.name}` === missed;
    return { condition, track: 2, outcomes: [outcome(true), outcome(!isMissed)] };
  });

t.test("each claim of the reference is looked for, and one swipe that is not read is seen", async (t) => {
  const claims = besideReference(tallies(""), true).split("\n").slice(1);
  t.equal(claims.length, 9, "seven that are read always, all conditions and the harsh mix");
  t.ok(claims.every((line) => line.endsWith("holds")));
  for (const condition of ["noise: 0 dB", "jitter: 9 %", "clipping: 8 times", "sample rate: 8 kHz", "speed: 5 cm/s"]) {
    const short = besideReference(tallies(condition), true)
      .split("\n")
      .filter((line) => line.endsWith("falls short"));
    t.equal(short.length, 1, condition);
  }
  t.equal(besideReference(tallies("noise: -6 dB"), false).includes("falls short"), false, "none claims to read that");
});

t.test("what was not tried whole is not told", async (t) => {
  const some = tallies("").filter(({ condition }) => condition.group === "clipping");
  t.equal(besideReference(some, false).split("\n").length, 2);
  t.equal(besideReference([], false), "");
});
