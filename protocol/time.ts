declare const unit: unique symbol;

/** A span of time in whole milliseconds. Made only by the functions below, so that no bare number is taken for one. */
export type Duration = number & { readonly [unit]: "ms" };

/** A moment: milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number;

/** So many milliseconds, rounded to whole ones. */
export const Millis = (n: number): Duration => Math.round(n) as Duration;
/** So many seconds. */
export const Seconds = (n: number): Duration => Millis(n * 1000);
/** So many minutes. */
export const Minutes = (n: number): Duration => Seconds(n * 60);
/** So many hours. */
export const Hours = (n: number): Duration => Minutes(n * 60);

/** Something that is to happen. */
export interface Timer {
  /** Does nothing once the timer has fired. */
  cancel(): void;
}

/** Where time comes from. Programs get the system's, tests a simulated one. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): Instant;
  /** Calls `action` once, `delay` from now, unless cancelled. */
  after(delay: Duration, action: () => void): Timer;
}

/** Resolves `delay` from now, or rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delay: Duration, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(delay, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** RFC 3339 in UTC with milliseconds: `2026-01-31T23:59:59.000Z`. */
export const isoTime = (at: Instant): string => new Date(at).toISOString();

/** The clock of the machine. Only a program's entry point names it; everything inside is handed a {@link Clock}. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delay, action) {
    const handle = setTimeout(action, delay);
    return { cancel: () => clearTimeout(handle) };
  },
};
