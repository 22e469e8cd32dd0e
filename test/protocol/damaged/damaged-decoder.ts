import { SwipewireError } from "@swipewire/protocol/failure";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import t from "tap";
import { fuzzRuns } from "../../fuzz-runs.ts";

/** A decoder that must survive whatever comes. */
export interface DamagedDecoder {
  readonly name: string;
  /** The exports of `protocol/` that it goes through, `card/track#parseTrack`. */
  readonly of: readonly string[];
  /** Each is read without failure. */
  readonly samples: readonly Uint8Array[];
  /** Reads; throws an ordinary error where what was read is impossible. */
  readonly decode: (bytes: Uint8Array) => unknown;
  /** The codes of the failures it may end in; none where it always has an answer. */
  readonly codes?: RegExp;
  /** Mends checksums, so that damage reaches what is checked behind them. Gets half of the inputs, and may write on them. */
  readonly mended?: (bytes: Uint8Array) => Uint8Array;
  /** What comes is no secret, and its numbers may be shown. */
  readonly isPublic?: true;
  /** Of the inputs that others get, for one that takes far longer. */
  readonly share?: number;
}

const LONG = 65_536;
const LONG_EVERY = 997;
/** Different messages of one decoder, numbers aside: content that got into them would make many more. */
const MOST_MESSAGES = 80;

/** A whole number from 0 to below the limit. */
type Below = (limit: number) => number;

/** Random bytes; a sample cut, with bits flipped, with bytes replaced or put in; now and then a very long one. */
function damage(samples: readonly Uint8Array[], run: number, below: Below): Uint8Array {
  const sample = samples[below(samples.length)] ?? new Uint8Array();
  if (run % LONG_EVERY === 0) return repeated(below(3) === 0 ? randomBytes(1, below) : sample);
  switch (run % 4) {
    case 0:
      return randomBytes(below(2 * sample.length + 16), below);
    case 1:
      return sample.slice(0, below(sample.length + 1));
    case 2: {
      const flipped = sample.slice();
      for (let n = below(4); n >= 0 && flipped.length > 0; n--) {
        const at = below(flipped.length);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << below(8));
      }
      return flipped;
    }
    default: {
      const at = below(sample.length + 1);
      const rest = sample.subarray(at + (below(3) === 0 ? below(9) : 0));
      const put = randomBytes(below(5), below);
      const replaced = new Uint8Array(at + put.length + rest.length);
      replaced.set(sample.subarray(0, at));
      replaced.set(put, at);
      replaced.set(rest, at + put.length);
      return replaced;
    }
  }
}

function randomBytes(length: number, below: Below): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = below(256);
  return bytes;
}

function repeated(unit: Uint8Array): Uint8Array {
  const long = new Uint8Array(LONG);
  long.set(unit.subarray(0, LONG));
  for (let filled = Math.max(1, unit.length); filled < LONG; filled *= 2) long.copyWithin(filled, 0, filled);
  return long;
}

/**
 * Every input ends in an answer or in one of the decoder's own failures, whose message shows sizes and places and nothing
 * of what came. Work that grew with the square of an input would not come to an end on the long ones.
 */
export function survives(decoder: DamagedDecoder): void {
  t.test(
    `${decoder.name}: whatever comes ends in an answer or a typed failure, which shows nothing of it`,
    async (t) => {
      Error.stackTraceLimit = 0;
      const { samples, codes, mended, isPublic } = decoder;
      const aNumber = isPublic ? /\d+/g : /\d{1,5}/g;
      const generator = xoroshiro128plus(83);
      const below: Below = (limit) => (generator.next() >>> 0) % limit;
      for (const sample of samples) await decoder.decode(sample.slice());
      const messages = new Set<string>();
      const shapes = new Set<string>();
      const runs = Math.ceil(fuzzRuns * (decoder.share ?? 1));
      let answers = 0;
      for (let run = 1; run <= runs; run++) {
        const damaged = damage(samples, run, below);
        const bytes = mended && below(2) === 0 ? mended(damaged) : damaged;
        const given = run % LONG_EVERY === 0 ? undefined : bytes.slice();
        try {
          const answer = decoder.decode(bytes);
          if (answer instanceof Promise) await answer;
          answers++;
        } catch (failure) {
          if (!(failure instanceof SwipewireError && codes?.test(failure.code))) {
            t.comment(`run ${run}: ${given ? Buffer.from(given).toString("hex") : "a long input"}`);
            throw failure;
          }
          if (messages.has(failure.message)) continue;
          messages.add(failure.message);
          shapes.add(failure.message.replace(aNumber, "#"));
        }
      }
      t.ok(answers > 0, `${answers} of ${runs} were read, ${shapes.size} messages`);
      const showing = [...shapes].filter((shape) => /##/.test(shape));
      t.strictSame(showing, [], "no message shows digits");
      t.ok(shapes.size <= MOST_MESSAGES, [...shapes].slice(0, MOST_MESSAGES + 1).join("; "));
    },
  );
}
