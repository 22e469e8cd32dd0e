import { access, chown, constants, mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StateFileExposed, StateFolderUnusable } from "../errors.ts";

const OTHERS = 0o077;
let drafts = 0;

const errnoOf = (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "unknown");

/**
 * Reads a file that only its owner may read.
 * @returns undefined when there is none
 * @throws StateFileExposed | StateFolderUnusable
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path);
    // Windows keeps no such mode.
    if (process.platform !== "win32" && (await file.stat()).mode & OTHERS) throw new StateFileExposed({ detail: path });
    return await file.readFile("utf8");
  } catch (error) {
    if (error instanceof StateFileExposed) throw error;
    if (errnoOf(error) === "ENOENT") return undefined;
    throw new StateFolderUnusable({ detail: `${path}: ${errnoOf(error)}` });
  }
}

/**
 * Writes a file, whole or not at all, that only its owner may read; who owns one that was there before owns it still.
 * @throws StateFolderUnusable
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await makeFolder(dirname(path));
  const draft = `${path}.${process.pid}.${++drafts}`;
  try {
    await rm(draft, { force: true });
    await writeFile(draft, text, { mode: 0o600, flag: "wx", flush: true });
    const before = await stat(path).catch((): undefined => undefined);
    if (before && process.getuid?.() === 0) await chown(draft, before.uid, before.gid);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new StateFolderUnusable({ detail: `${path}: ${errnoOf(error)}` });
  }
}

/** @throws StateFolderUnusable */
export async function removePrivateFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw new StateFolderUnusable({ detail: `${path}: ${errnoOf(error)}` });
  }
}

/** Bytes. An identity with its keys and certificates is smaller. */
const ROOM = 65_536;

/**
 * Makes sure that a file can be kept in a folder, by writing one and taking it away again: a full disk takes no more.
 * @throws StateFolderUnusable
 */
export async function makeRoom(folder: string): Promise<void> {
  await makeFolder(folder);
  const trial = join(folder, ".room");
  try {
    await writePrivateFile(trial, " ".repeat(ROOM));
  } finally {
    await removePrivateFile(trial);
  }
}

/**
 * Makes sure of a folder that can be written; one made here is its owner's only.
 * @throws StateFolderUnusable
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StateFolderUnusable({ detail: `${path}: ${errnoOf(error)}` });
  }
}
