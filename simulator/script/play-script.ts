import { type Clock, Millis, sleep } from "@swipewire/protocol/time";
import { testCard } from "../cards/test-cards.ts";
import { LieUnfit } from "../errors.ts";
import type { VirtualReader } from "../readers/virtual-reader.ts";
import { Dice } from "../waveform/dice.ts";
import { fits } from "./fit.ts";
import { lieIn } from "./lies.ts";
import type { ReaderScript, Step } from "./reader-script.ts";

/** What a virtual reader's frames travel over. */
export interface Carrier {
  /** A frame as the reports or packets that it travels in; copies. */
  split(frame: Uint8Array): Uint8Array[];
  /** Sends them at the carrier's own pace, and overwrites them. @returns whether all of them were taken */
  send(pieces: readonly Uint8Array[]): Promise<boolean>;
  /** Steps that it has nothing for. */
  readonly lacks: readonly Step["do"][];
  /** Refuses what the host asks for, until the host clears that. */
  stall(): void;
  unplug(): Promise<void>;
  plug(): Promise<void>;
}

export interface PlayOptions {
  readonly reader: VirtualReader;
  readonly carrier: Carrier;
  readonly clock: Clock;
  /** Told of each step before it is done. */
  readonly tell?: (step: Step) => void;
}

/** Between two steps, in milliseconds. A card takes some time to be drawn again. */
const PAUSE = { least: 300, most: 900 };
/** A reader that begins anew is away for this long. */
export const RESETTING = Millis(500);

/**
 * Has a virtual reader do what a script says, at the pace of its seed.
 * @throws LieUnfit before anything is played, for a step that this reader's family or its carrier has nothing for
 */
export async function playScript(script: ReaderScript, options: PlayOptions): Promise<void> {
  const { reader, carrier } = options;
  const performer = reader.ready ? "native" : reader.family;
  const unfit = script.steps.find((step) => carrier.lacks.includes(step.do) || !fits(step, performer));
  if (unfit) throw new LieUnfit({ detail: `${unfit.do}, ${performer}` });
  await inPace(script, options, (step) => play(step, options));
}

/** One step after the other, with the pauses of the script's seed. */
export async function inPace(
  script: ReaderScript,
  { clock, tell }: Pick<PlayOptions, "clock" | "tell">,
  act: (step: Step) => Promise<void>,
): Promise<void> {
  const dice = new Dice(script.seed);
  for (const [at, step] of script.steps.entries()) {
    if (at > 0) await sleep(clock, Millis(dice.between(PAUSE.least, PAUSE.most)));
    tell?.(step);
    await act(step);
  }
}

async function play(step: Step, { reader, carrier, clock }: PlayOptions): Promise<void> {
  switch (step.do) {
    case "wait":
      return sleep(clock, Millis(step.ms));
    case "plug":
      return carrier.plug();
    case "unplug":
      return carrier.unplug();
  }
  const { family } = reader;
  const next = (unreadable?: Extract<Step, { do: "swipe" }>["unreadable"]) =>
    reader.nextFrame(testCard(step.card), unreadable);
  const send = (pieces: readonly Uint8Array[]) => carrier.send(pieces);
  const sendFrames = async (frames: readonly Uint8Array[]) => {
    for (const frame of frames) await send(carrier.split(frame));
    for (const frame of frames) frame.fill(0);
  };
  switch (step.do) {
    case "swipe":
      await reader.ready?.();
      return sendFrames([next(step.unreadable)]);
    case "short-report":
      return withFrame(next(), async (frame) => {
        const pieces = carrier.split(frame);
        const last = pieces.pop() ?? new Uint8Array();
        await send([...pieces, last.subarray(0, Math.floor(last.length / 2))]);
        last.fill(0);
      });
    case "stuck-report":
      return withFrame(next(), async (frame) => {
        for (const piece of carrier.split(frame)) await send(Array.from({ length: step.times }, () => piece.slice()));
      });
    case "wrong-length":
    case "wrong-lrc": {
      const frame = next();
      lieIn(frame, step.do, family);
      return sendFrames([frame]);
    }
    case "ksn-repeated": {
      const frame = next();
      return sendFrames([frame, frame]);
    }
    case "ksn-going-back": {
      const frame = next();
      return sendFrames([frame, next(), frame]);
    }
    case "double-swipe":
      return sendFrames([next(), next()]);
    case "flood":
      for (let n = 0; n < step.times; n++) {
        if (!(await withFrame(next(), (frame) => send(carrier.split(frame))))) return;
      }
      return;
    case "stall":
      return withFrame(next(), async (frame) => {
        const [first, ...rest] = carrier.split(frame);
        if (first) await send([first]);
        for (const piece of rest) piece.fill(0);
        carrier.stall();
      });
    case "reset":
    case "pulled":
      return withFrame(next(), async (frame) => {
        await send(leavingIn(carrier.split(frame), step.after));
        await carrier.unplug();
        if (step.do === "pulled") return;
        await sleep(clock, RESETTING);
        await carrier.plug();
      });
  }
}

/** The reports or packets that are through when so many bytes are: the host gets nothing of one that was broken off. */
function leavingIn(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  return pieces.filter((piece) => {
    left -= piece.length;
    if (left < 0) piece.fill(0);
    return left >= 0;
  });
}

async function withFrame<T>(frame: Uint8Array, act: (frame: Uint8Array) => Promise<T>): Promise<T> {
  try {
    return await act(frame);
  } finally {
    frame.fill(0);
  }
}
