import type { FluxRun } from "./flux-run.ts";

/** Rivals less likely than this, beside what was read, say nothing. */
const LEAST = 1e-7;

interface Rival {
  readonly odds: number;
  /** The first character it changes. */
  readonly character: number;
}

/**
 * How likely another reading of the same signal is that parity and LRC would pass as well: a rival that changes bits of
 * characters so by itself, or two that change the same columns of two characters.
 * @param from first bit of the characters in the run
 * @param to the bit behind their last
 * @param cell bits of a character
 * @param isTurned the run holds the characters from their end
 * @returns from 0; the expected number of such readings, roughly
 */
export function doubtOf(run: FluxRun, from: number, to: number, cell: number, isTurned: boolean): number {
  const { margins, rivals, turn = 0 } = run;
  if (!margins || !rivals) return 0;
  let doubt = 0;
  const byColumns = new Map<number, Rival[]>();
  for (const [at, bits] of rivals.entries()) {
    if (bits === 0) continue;
    const odds = 1 / (1 + Math.exp(margins[at] as number));
    if (odds < LEAST) continue;
    const onward = at < turn ? 1 : -1;
    let columns = 0;
    let odd = 0;
    let character = -1;
    for (let n = 0; n < 32; n++) {
      const place = at + onward * n;
      if (((bits >>> n) & 1) === 0 || place < from || place >= to) continue;
      const offset = isTurned ? to - 1 - place : place - from;
      const here = Math.floor(offset / cell);
      if (character < 0) character = here;
      // Of one character all changed bits come in a row: 32 bits are seven characters at most.
      odd ^= 1 << (here - character + 8);
      columns ^= 1 << (offset % cell);
    }
    // The LRC has a parity bit of its own.
    columns &= (1 << (cell - 1)) - 1;
    if (character < 0 || odd !== 0) continue;
    if (columns === 0) {
      doubt += odds;
      continue;
    }
    const alike = byColumns.get(columns) ?? [];
    for (const other of alike) if (other.character !== character) doubt += odds * other.odds;
    alike.push({ odds, character });
    byColumns.set(columns, alike);
  }
  return doubt;
}
