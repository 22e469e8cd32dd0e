/** CPU time that one round of a contender takes: far above the clock's own step. */
const ROUND_MICROSECONDS = 50_000;
const ROUNDS = 21;

export interface Contender {
  readonly name: string;
  /** Does the work once; what it returns is kept from being optimised away. */
  readonly run: (round: number) => unknown;
}

export interface Rate {
  readonly name: string;
  /** Operations a second of CPU time, all threads of this process together; the median of the rounds. */
  readonly perSecond: number;
  /** The same, round by round. */
  readonly rounds: readonly number[];
}

/** How many times as quick: the median over the rounds, since the two of one round had the same machine. */
export const timesAsQuick = (ours: Rate, peer: Rate): number =>
  median(ours.rounds.map((rate, round) => rate / (peer.rounds[round] ?? rate)));

/** What the last operation returned, so that none is for nothing. */
export let kept: unknown;

/** Measures contenders in turns, so that whatever slows this machine down slows them all. */
export function measure<const C extends readonly Contender[]>(contenders: C): { [K in keyof C]: Rate } {
  const counts = contenders.map((contender) => warmUp(contender));
  const rounds: number[][] = contenders.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    contenders.forEach((contender, i) => {
      const count = counts[i] ?? 1;
      rounds[i]?.push((count * 1e6) / microsecondsOf(contender, count));
    });
  }
  const rates = contenders.map(({ name }, i) => ({ name, perSecond: median(rounds[i] ?? []), rounds: rounds[i] }));
  return rates as { [K in keyof C]: Rate };
}

/** Until it is compiled. @returns how many operations fill a round */
function warmUp(contender: Contender): number {
  let count = 16;
  for (;;) {
    const taken = microsecondsOf(contender, count);
    if (taken >= ROUND_MICROSECONDS) return Math.max(1, Math.round((count * ROUND_MICROSECONDS) / taken));
    count *= 2;
  }
}

function microsecondsOf({ run }: Contender, count: number): number {
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) kept = run(i);
  const { user, system } = process.cpuUsage(start);
  return Math.max(1, user + system);
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
