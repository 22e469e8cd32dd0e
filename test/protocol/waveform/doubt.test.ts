import { doubtOf } from "@swipewire/protocol/waveform/doubt";
import type { FluxRun } from "@swipewire/protocol/waveform/flux-run";
import t from "tap";

const CELL = 5;
const BITS = 60;
const FROM = 10;
const TO = 50;

/** A run of which each rival changes the bits at `places`, and is behind by `margin`. */
function runOf(turn: number, ...rivals: readonly { places: readonly number[]; margin: number }[]): FluxRun {
  const margins = new Float64Array(BITS).fill(24);
  const patterns = new Int32Array(BITS);
  for (const { places, margin } of rivals) {
    const isBackward = (places[0] as number) < turn;
    const at = isBackward ? Math.min(...places) : Math.max(...places);
    margins[at] = margin;
    patterns[at] = places.reduce((bits, place) => bits | (1 << Math.abs(place - at)), 0);
  }
  return {
    bits: new Uint8Array(BITS),
    edges: Float64Array.from({ length: BITS + 1 }, (_, n) => n),
    middles: new Float64Array(BITS),
    margins,
    rivals: patterns,
    turn,
  };
}

const odds = (margin: number) => 1 / (1 + Math.exp(margin));
/** Column `column` of the character `character`, read from the begin of the track. */
const place = (character: number, column: number) => FROM + character * CELL + column;

t.test("two rivals that change the same columns of two characters pass parity and LRC", async (t) => {
  for (const turn of [0, 30, BITS]) {
    const run = runOf(
      turn,
      { places: [place(1, 0), place(1, 1)], margin: 1 },
      { places: [place(5, 0), place(5, 1)], margin: 2 },
    );
    t.ok(Math.abs(doubtOf(run, FROM, TO, CELL, false) / (odds(1) * odds(2)) - 1) < 1e-9);
    t.ok(Math.abs(doubtOf(run, FROM, TO, CELL, true) / (odds(1) * odds(2)) - 1) < 1e-9);
  }
});

t.test("parity or LRC tells of all others", async (t) => {
  for (const [what, first, second] of [
    ["other columns", [place(1, 0), place(1, 1)], [place(5, 1), place(5, 2)]],
    ["the same character", [place(1, 0), place(1, 1)], [place(1, 0), place(1, 1), place(1, 2), place(1, 3)]],
    ["a bit of each of two characters", [place(1, 4), place(2, 0)], [place(5, 4), place(6, 0)]],
    ["zeros before the track", [place(-1, 3), place(-1, 4)], [place(5, 3), place(5, 4)]],
  ] as const) {
    const run = runOf(0, { places: first, margin: 0.1 }, { places: second, margin: 0.1 });
    t.equal(doubtOf(run, FROM, TO, CELL, false), 0, what);
  }
});

t.test("a single rival may pass by itself, and the parity bits are not in the LRC", async (t) => {
  const alone = runOf(0, { places: [place(1, 0), place(1, 1), place(2, 0), place(2, 1)], margin: 3 });
  t.ok(Math.abs(doubtOf(alone, FROM, TO, CELL, false) - odds(3)) < 1e-9);
  const parity = runOf(
    0,
    { places: [place(1, 3), place(1, 4)], margin: 1 },
    { places: [place(5, 3), place(5, 4)], margin: 2 },
  );
  t.ok(doubtOf(parity, FROM, TO, CELL, false) > 0);
});

t.test("what was read by peaks has no rivals", async (t) => {
  const { bits, edges, middles } = runOf(0);
  t.equal(doubtOf({ bits, edges, middles }, FROM, TO, CELL, false), 0);
});
