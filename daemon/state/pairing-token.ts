import { Buffer } from "node:buffer";
import { join } from "node:path";
import type { Random } from "@swipewire/protocol/random";
import { StateFileInvalid } from "../errors.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

/**
 * The secret that a page shows to the local API, 43 characters (32 bytes, base64url). Made on the first call.
 * @throws StateFileExposed | StateFileInvalid | StateFolderUnusable
 */
export async function pairingToken(stateDir: string, random: Random): Promise<string> {
  const path = join(stateDir, "pairing-token");
  const kept = (await readPrivateFile(path))?.trim();
  if (kept !== undefined) {
    if (!/^[A-Za-z0-9_-]{43}$/.test(kept)) throw new StateFileInvalid({ detail: path });
    return kept;
  }
  const token = Buffer.from(random.bytes(32)).toString("base64url");
  await writePrivateFile(path, `${token}\n`);
  return token;
}
