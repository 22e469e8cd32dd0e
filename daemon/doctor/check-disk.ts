import { statfs } from "node:fs/promises";
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
