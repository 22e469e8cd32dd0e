import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { promisify } from "node:util";
import type { Finding } from "./finding.ts";

const MEGABYTE = 1_000_000;
/** In megabytes. The daemon itself keeps a few kilobytes; a full disk stops the log and the system's own services. */
const FULL = 10;
const NEARLY_FULL = 200;

/** Is there room where the identity is kept? */
export async function checkDisk(stateDir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(stateDir);
  const free = Math.floor((bavail * bsize) / MEGABYTE);
  const says = `${free} MB free in ${stateDir}`;
  const subject = "disk";
  if (free >= NEARLY_FULL) return { subject, verdict: "good", says };
  return { subject, verdict: free < FULL ? "bad" : "doubtful", says, todo: "Make room: old logs, old packages" };
}

/** Whether a time service keeps the clock: `yes`, `no`, or undefined where the system does not say. */
export async function clockKept(): Promise<string | undefined> {
  try {
    const asked = await promisify(execFile)("timedatectl", ["show", "--property=NTPSynchronized", "--value"]);
    return asked.stdout.trim();
  } catch {
    return undefined;
  }
}

/** The gateway refuses what is older or newer than half a minute, so the clock has to be kept. */
export function checkClock(kept: string | undefined): Finding {
  const subject = "clock";
  if (kept === "yes") return { subject, verdict: "good", says: "kept by a time service" };
  const says = kept === "no" ? "no time service keeps it" : "the system does not say whether a time service keeps it";
  const todo = "timedatectl set-ntp true; the gateway refuses a terminal whose clock is off by more than 30 s";
  return { subject, verdict: "doubtful", says, todo };
}
