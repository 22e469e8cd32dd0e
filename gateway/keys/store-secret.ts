import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { KeySecretExists, KeySecretExposed, KeySecretUnreadable } from "../errors.ts";
import { syncFolderOf } from "./sealed-file.ts";

/** Where the passphrase of a key file or the PIN of a token comes from; exactly one of these. Never an argument or a variable. */
export interface SecretSource {
  /** A file of its owner's only, or a descriptor that the process was started with: `/dev/fd/3`. */
  readonly secretFile?: string;
  /** systemd.exec(5), LoadCredentialEncrypted=: the name of a file in `$CREDENTIALS_DIRECTORY`. */
  readonly secretCredential?: string;
}

const LONGEST = 1_024;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Without the line's end, the caller's to wipe. @throws KeySecretUnreadable | KeySecretExposed */
export async function readStoreSecret({ secretFile, secretCredential }: SecretSource): Promise<SensitiveBytes> {
  if (secretCredential === undefined) {
    if (secretFile === undefined) throw new KeySecretUnreadable({ detail: "no place of it is configured" });
    return read(secretFile, true);
  }
  const directory = process.env["CREDENTIALS_DIRECTORY"];
  if (directory === undefined) throw new KeySecretUnreadable({ detail: "systemd gave no credentials" });
  // systemd opens them to the service's user by an access list, which shows as group bits.
  return read(join(directory, secretCredential), false);
}

async function read(path: string, privately: boolean): Promise<SensitiveBytes> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY);
  } catch (cause) {
    throw new KeySecretUnreadable({ detail: (cause as NodeJS.ErrnoException).code ?? "unknown", cause });
  }
  try {
    const stat = await handle.stat();
    if (privately && stat.isFile() && process.platform !== "win32" && (stat.mode & 0o077) !== 0) {
      throw new KeySecretExposed({ detail: `mode ${(stat.mode & 0o777).toString(8).padStart(4, "0")}, not 0600` });
    }
    const buffer = new Uint8Array(LONGEST + 2);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (buffer[length - 1] === NEWLINE) length--;
    if (buffer[length - 1] === CARRIAGE_RETURN) length--;
    const secret = SensitiveBytes.copyOf(buffer.subarray(0, length));
    buffer.fill(0);
    if (length > 0 && length <= LONGEST) return secret;
    secret.wipe();
    throw new KeySecretUnreadable({ detail: length === 0 ? "empty" : `more than ${LONGEST} bytes` });
  } finally {
    await handle.close();
  }
}

/** Makes a passphrase of 256 random bits in a file of its owner's only. @throws KeySecretExists */
export async function makeSecretFile(path: string, random: { bytes(length: number): Uint8Array }): Promise<void> {
  const bytes = random.bytes(32);
  const text = Buffer.from(Buffer.from(bytes).toString("base64url"));
  try {
    await putSecretFile(path, text);
  } finally {
    bytes.fill(0);
    text.fill(0);
  }
}

/** Puts a passphrase into a new file of its owner's only. @throws KeySecretExists */
export async function putSecretFile(path: string, secret: Uint8Array): Promise<void> {
  try {
    await using handle = await open(path, "wx", 0o600);
    await handle.writeFile(secret);
    await handle.writeFile("\n");
    await handle.sync();
  } catch (cause) {
    throw new KeySecretExists({ detail: (cause as NodeJS.ErrnoException).code ?? "unknown", cause });
  }
  await syncFolderOf(path);
}
