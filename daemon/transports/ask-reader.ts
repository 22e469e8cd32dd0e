import { SwipewireError } from "@swipewire/protocol/failure";
import type { Recognition } from "@swipewire/protocol/messages/terminal-status";
import type { StreamFamily } from "@swipewire/protocol/readers/frame-streams";
import type { ReaderQuestion } from "@swipewire/protocol/readers/reader-questions";
import { type Clock, Seconds, sleep } from "@swipewire/protocol/time";

/** A reader answers within milliseconds, or not at all. */
const PATIENCE = Seconds(1);

/** Sends a request, and gives the response to it. */
export type Exchange = (request: Uint8Array) => Promise<Uint8Array>;

/** What came of asking. Without an answer there is no family. */
export type Asked =
  | { readonly outcome: "answered"; readonly family: StreamFamily; readonly says: string }
  | { readonly outcome: "silent" | "unclear"; readonly says?: string };

/**
 * Asks a reader which family it sends. Never rejects: a reader that cannot be asked is one that did not answer.
 * @param signal ends it, as if nothing had come
 */
export async function askReader(
  question: ReaderQuestion,
  exchange: Exchange,
  clock: Clock,
  signal?: AbortSignal,
): Promise<Asked> {
  const interview = question.begin();
  try {
    let step = interview.next(new Uint8Array());
    while (!step.done) {
      const response = await answerTo(step.value, exchange, clock, signal);
      if (!response) return { outcome: "silent" };
      step = interview.next(response);
    }
    return { outcome: "answered", ...step.value };
  } catch (failure) {
    if (failure instanceof SwipewireError) return { outcome: "unclear", says: failure.code };
    throw failure;
  }
}

/** @returns undefined when nothing came in time, or when the device takes no such request */
async function answerTo(
  request: Uint8Array,
  exchange: Exchange,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const over = new AbortController();
  const late = sleep(clock, PATIENCE, signal ? AbortSignal.any([signal, over.signal]) : over.signal);
  const nothing = (): undefined => undefined;
  try {
    return await Promise.race([exchange(request).catch(nothing), late.then(nothing, nothing)]);
  } finally {
    over.abort();
  }
}

/** For a status: how a reader was told, with what came of asking it. */
export const recognition = (by: Recognition["by"], asked?: Asked): Recognition => ({
  by,
  ...(asked && { asked: asked.outcome }),
  ...(asked?.says !== undefined && { says: asked.says }),
});
