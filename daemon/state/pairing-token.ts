import { Buffer } from "node:buffer";
import { join } from "node:path";
import type { Random } from "@swipewire/protocol/random";
import { StateFileInvalid } from "../errors.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

const fileOf = (stateDir: string) => join(stateDir, "pairing-token");

/**
 * The secret that a page shows to the local API, 43 characters (32 bytes, base64url).
 * @returns undefined before one was made
 * @throws StateFileExposed | StateFileInvalid | StateFolderUnusable
 */
export async function keptPairingToken(stateDir: string): Promise<string | undefined> {
  const path = fileOf(stateDir);
  const kept = (await readPrivateFile(path))?.trim();
  if (kept !== undefined && !/^[A-Za-z0-9_-]{43}$/.test(kept)) throw new StateFileInvalid({ detail: path });
  return kept;
}

/**
 * {@link keptPairingToken}, made on the first call.
 * @throws StateFileExposed | StateFileInvalid | StateFolderUnusable
 */
export async function pairingToken(stateDir: string, random: Random): Promise<string> {
  const kept = await keptPairingToken(stateDir);
  if (kept !== undefined) return kept;
  const token = Buffer.from(random.bytes(32)).toString("base64url");
  await writePrivateFile(fileOf(stateDir), `${token}\n`);
  return token;
}
