import { Ballots } from "@swipewire/protocol/waveform/acceptance";
import type { TrackRead } from "@swipewire/protocol/waveform/read-bits";
import t from "tap";

const text = "%B6224242300000069^TEST CARD/DEBIT^30122200000000000?";

const read = (changes: Partial<TrackRead> = {}, data = text): TrackRead => ({
  number: 1,
  data: new TextEncoder().encode(data),
  direction: "forward",
  start: 100,
  end: 900,
  firstBit: 60,
  endBit: 430,
  residual: 0.03,
  isTorn: false,
  margin: 9,
  doubt: 1e-6,
  form: "iso",
  cells: new Float64Array(12),
  ...changes,
});

/** On what the ballots believe that a number of widths read the same; nothing where they do not give it out at all. */
function basisOf(widths: number, changes: Partial<TrackRead>): string | undefined {
  const ballots = new Ballots();
  for (let n = 0; n < widths; n++) ballots.add(`pulses ${n}`, [read(changes)]);
  const [ballot] = ballots.count();
  return ballot && (ballot.basis ?? "none");
}

t.test("what was read by likelihood needs two widths, and little doubt", async (t) => {
  t.equal(basisOf(1, {}), "none");
  t.equal(basisOf(2, {}), "widths");
  t.equal(basisOf(2, { doubt: 0.01 }), "none");
  t.equal(basisOf(2, { margin: 0.7 }), "none");
  t.equal(basisOf(2, { form: "foreign" }), "none");
  t.equal(basisOf(2, { isTorn: true }), "none");
});

/** May another swipe confirm what so many widths read? */
function isConfirmable(widths: number, changes: Partial<TrackRead>): boolean {
  const ballots = new Ballots();
  for (let n = 0; n < widths; n++) ballots.add(`pulses ${n}`, [read(changes)]);
  return ballots.count().some((ballot) => ballot.isConfirmable);
}

t.test(
  "a second swipe stands in for a width or the Luhn check, and not for whole pulses or another form",
  async (t) => {
    t.ok(isConfirmable(1, { faintness: 0.85 }));
    t.ok(isConfirmable(1, { faintness: 0.85, margin: 0.2, doubt: 0.5 }));
    t.notOk(isConfirmable(1, { faintness: 0.75 }));
    t.ok(isConfirmable(2, { faintness: 0.85, form: "iso without Luhn" }));
    t.notOk(isConfirmable(1, { faintness: 0.85, form: "iso without Luhn" }));
    t.notOk(isConfirmable(2, { faintness: 0.85, form: "iso without Luhn", doubt: 0.01 }));
    t.notOk(isConfirmable(2, { faintness: 0.85, form: "foreign" }));
  },
);

t.test("where pulses are worn it needs four, surer ones, and a second swipe does not help", async (t) => {
  t.equal(basisOf(2, { faintness: 0.7 }), "widths");
  t.equal(basisOf(3, { faintness: 0.5 }), undefined);
  t.equal(basisOf(4, { faintness: 0.3 }), "widths");
  t.equal(basisOf(4, { faintness: 0.3, margin: 3 }), undefined);
  t.equal(basisOf(5, { faintness: 0.06 }), undefined);
});

t.test("another read speaks against it if it has a vote or a valid format", async (t) => {
  const other = text.replace("TEST", "REST");
  for (const [changes, basis] of [
    [{}, "none"],
    [{ margin: 0.2 }, "none"],
    [{ form: "foreign" }, "none"],
    [{ form: "foreign", margin: 0.2 }, "widths"],
  ] as const) {
    const ballots = new Ballots();
    for (let n = 0; n < 2; n++) ballots.add(`pulses ${n}`, [read()]);
    ballots.add("pulses 2", [read(changes, other)]);
    t.equal(ballots.count()[0]?.basis ?? "none", basis);
  }
});
