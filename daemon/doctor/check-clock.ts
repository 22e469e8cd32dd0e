import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { clockOffsetText } from "../uplink/clock-offset.ts";
import type { Finding } from "./finding.ts";

/** Milliseconds. The gateway refuses a terminal whose clock is further off. */
const TOLERATED = 30_000;
/** Of a clock that is kept, and of the way to the gateway and back. */
const USUAL = 3_000;
const subject = "clock";
const KEEP = "timedatectl set-ntp true";

/** Whether a time service keeps the clock: `yes`, `no`, or undefined where the system does not say. */
export async function clockKept(): Promise<string | undefined> {
  try {
    const asked = await promisify(execFile)("timedatectl", ["show", "--property=NTPSynchronized", "--value"]);
    return asked.stdout.trim();
  } catch {
    return undefined;
  }
}

/**
 * Is the clock right, and will it stay so?
 * @param offset how far the gateway's is ahead of it, in milliseconds; undefined where the gateway did not answer
 */
export function checkClock(kept: string | undefined, offset: number | undefined): Finding {
  const keeper =
    kept === "yes"
      ? "kept by a time service"
      : kept === "no"
        ? "no time service keeps it"
        : "the system does not say whether a time service keeps it";
  const says = offset === undefined ? keeper : `${clockOffsetText(offset)}; ${keeper}`;
  if (offset !== undefined && Math.abs(offset) > USUAL) {
    const todo =
      kept === "yes"
        ? "Look at `timedatectl timesync-status`; if this clock is right, have the gateway's people look at theirs"
        : `${KEEP}; beyond 30 s the gateway refuses this terminal`;
    return { subject, verdict: Math.abs(offset) > TOLERATED ? "bad" : "doubtful", says, todo };
  }
  if (kept === "yes") return { subject, verdict: "good", says };
  return { subject, verdict: "doubtful", says, todo: `${KEEP}; beyond 30 s the gateway refuses this terminal` };
}
