import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Finding } from "./finding.ts";

const MEGABYTE = 1_000_000;
/** In megabytes. The daemon itself keeps a few kilobytes; a full disk stops the log and the system's own services. */
const FULL = 10;
const NEARLY_FULL = 200;

/** Is there room where the identity is kept, or is to be? */
export async function checkDisk(stateDir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestFolder(stateDir));
  const free = Math.floor((bavail * bsize) / MEGABYTE);
  const says = `${free} MB free in ${stateDir}`;
  const subject = "disk";
  if (free >= NEARLY_FULL) return { subject, verdict: "good", says };
  return {
    subject,
    verdict: free < FULL ? "bad" : "doubtful",
    says,
    todo: "Make room: journalctl --vacuum-size=100M, apt-get clean; du -xh / | sort -h | tail shows what is large",
  };
}

/**
 * May this user keep the identity there? Nothing is said of a folder that is not there yet: enrolment makes it.
 * @param user its number; absent where the system has none
 */
export async function checkFolder(stateDir: string, user: number | undefined): Promise<Finding[]> {
  const subject = "state folder";
  const owner = await stat(stateDir).catch((): undefined => undefined);
  if (!owner) return [];
  const mayWrite = await access(stateDir, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!mayWrite) {
    const todo = `Run doctor as the daemon's user, or give it the folder: chown -R swipewire: ${stateDir}`;
    return [{ subject, verdict: "bad", says: `${stateDir} may not be written by this user`, todo }];
  }
  if (user === undefined || owner.uid === user) return [];
  const says = `${stateDir} belongs to another user than this one, who may open more or less than the daemon`;
  const todo = "Run doctor as the daemon's user: runuser -u swipewire -- swipewire-daemon doctor --config …";
  return [{ subject, verdict: "doubtful", says, todo }];
}

/** The folder, or what of its path is there. */
async function nearestFolder(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere || path === dirname(path) ? path : nearestFolder(dirname(path));
}
