import type { TrackRead } from "./read-bits.ts";
import type { ReadBasis } from "./waveform-event.ts";

/** A residual below this is believed from the peaks of one filter alone. */
const SURE_TIMING = 0.09;

/**
 * What was read by likelihood must be so much likelier than its nearest rival, as a logarithm, and so much likelier than all
 * that parity and LRC would pass as well: by the filter that is surest, and by each that has a vote.
 */
const SURE = { margin: 1, doubt: 0.001 };
const VOTING = { margin: 0.5, doubt: 0.03 };

/**
 * Where pulses are worn, neighbouring widths may well read the same wrong bits: below the first share of their height more
 * votes and a greater margin are needed, below the second nothing is believed.
 */
const WORN = 0.6;
const WORN_OFF = 0.1;
const SURE_OF_WORN = { votes: 4, margin: 3.5 };

/**
 * Another swipe has another noise, but the same flux changes too close to each other and the same worn places: where they
 * take so much of a pulse's height, it may well read the same wrong bits.
 */
const FLAWED = 0.8;

/** What all filters together say about one pass of a track. */
export interface Ballot {
  readonly read: TrackRead;
  readonly votes: number;
  /** Absent where it cannot be believed by itself. */
  readonly basis?: ReadBasis;
  /** Is it believed once another swipe reads the same? */
  readonly isConfirmable: boolean;
  /** As sure as if it could be believed, and yet not of the form of a payment card's track. */
  readonly isForeign: boolean;
}

const sameData = (a: TrackRead, b: TrackRead) =>
  a.number === b.number && a.data.length === b.data.length && a.data.every((byte, n) => byte === b.data[n]);

/** Who is not sure has no vote for what it reads, and yet speaks against what others read if its format is valid. */
const isBeyond = ({ margin, doubt = 0 }: TrackRead, least: typeof SURE) =>
  margin === undefined || (margin >= least.margin && doubt <= least.doubt);
const hasVote = (read: TrackRead) => isBeyond(read, VOTING);
const isSure = (read: TrackRead) =>
  isBeyond(read, (read.faintness ?? 1) < WORN ? { ...SURE, margin: SURE_OF_WORN.margin } : SURE);
const opinion = (voter: string, read: TrackRead) => ({
  read,
  voters: new Set(hasVote(read) ? [voter] : []),
  sure: isSure(read),
  faintness: read.faintness ?? 1,
});

const overlap = (a: TrackRead, b: TrackRead) => a.start < b.end && b.start < a.end;

/**
 * Collects what filters read. Nothing is ever corrected: parity with LRC has distance 4, and a list decoder that mends bits
 * proposes a false card for every few it saves. A read is believed if it is whole, its format valid, no filter says
 * otherwise, and either the timing of its peaks is sure or two filters agree. Another swipe stands in for the Luhn check or
 * for what else lacks, not for both.
 */
export class Ballots {
  readonly #passes: {
    start: number;
    end: number;
    reads: { read: TrackRead; voters: Set<string>; sure: boolean; faintness: number }[];
  }[] = [];

  /** Takes ownership of the reads. */
  add(voter: string, reads: readonly TrackRead[]): void {
    for (const read of reads) {
      const pass = this.#passes.find(({ reads: [first] }) => first && overlap(first.read, read));
      if (!pass) {
        this.#passes.push({
          start: read.start,
          end: read.end,
          reads: [opinion(voter, read)],
        });
        continue;
      }
      const known = pass.reads.find((other) => sameData(other.read, read));
      if (!known) {
        pass.reads.push(opinion(voter, read));
      } else {
        if (hasVote(read)) known.voters.add(voter);
        known.sure ||= isSure(read);
        known.faintness = Math.min(known.faintness, read.faintness ?? 1);
        // The timing of peaks is evidence by itself, that of a model is not.
        const isModel = read.margin !== undefined;
        const wasModel = known.read.margin !== undefined;
        if (isModel === wasModel ? read.residual < known.read.residual : wasModel) {
          known.read.data.fill(0);
          known.read = read;
        } else {
          read.data.fill(0);
        }
      }
    }
  }

  /** Of each pass, the read of most filters, unless it is worn and not believed. Whoever takes them wipes them. */
  count(): Ballot[] {
    return this.#passes.flatMap(({ reads }) => {
      const [first, ...others] = reads.toSorted((a, b) => b.voters.size - a.voters.size);
      if (!first) throw new Error("a pass has at least one read");
      const { read, voters, sure, faintness } = first;
      const isDisputed = others.some((other) => other.read.form === "iso" || other.voters.size > 0);
      const evidence =
        isDisputed || read.isTorn || !sure || faintness < WORN_OFF
          ? undefined
          : read.residual < SURE_TIMING && read.margin === undefined
            ? "timing"
            : voters.size >= (faintness < WORN ? SURE_OF_WORN.votes : 2)
              ? "widths"
              : undefined;
      if (!evidence && faintness < WORN) return [];
      return [
        {
          read,
          votes: voters.size,
          ...(evidence && read.form === "iso" && { basis: evidence }),
          isConfirmable:
            read.form === "iso" ? faintness >= FLAWED : evidence !== undefined && read.form === "iso without Luhn",
          isForeign: evidence !== undefined && read.form === "foreign",
        },
      ];
    });
  }

  /** Wipes all but the reads that {@link count} gave out. */
  wipeOthers(kept: readonly TrackRead[]): void {
    for (const { reads } of this.#passes) for (const { read } of reads) if (!kept.includes(read)) read.data.fill(0);
  }
}
