import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { MessageInvalid } from "@swipewire/protocol/errors";
import { strict } from "@swipewire/protocol/messages/fields";
import { checker } from "@swipewire/protocol/messages/parse";
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
import Type from "typebox";
import { KeyFileExists, KeyFileExposed, KeyFileInvalid, KeyFileUnreadable } from "../errors.ts";

// The one place where keys are text: JSON is, and so is what `jose` imports. Everything made of it is bytes or key objects.

const Base64Url32 = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" });
const TdesKeyHex = Type.String({ pattern: "^[0-9A-Fa-f]{32}$" });

/** RFC 8037, with a thumbprint (RFC 7638) for `kid`. */
const SealingKey = strict({
  kty: Type.Literal("OKP"),
  crv: Type.Literal("X25519"),
  x: Base64Url32,
  d: Base64Url32,
  kid: Type.String({ minLength: 1, maxLength: 64 }),
});

const KeyFile = strict({
  version: Type.Literal(1),
  /** Newest first: terminals seal to the first, the others still open what was sealed before. */
  sealingKeys: Type.Array(SealingKey, { minItems: 1, maxItems: 16 }),
  /** The longest prefix of a reader's KSN that fits decides; one prefix may stand once. */
  baseDerivationKeys: Type.Array(
    strict({ ksnPrefix: Type.String({ pattern: "^[0-9A-Fa-f]{1,14}$" }), key: TdesKeyHex }),
  ),
  acquirer: Type.Optional(strict({ terminalMasterKey: TdesKeyHex })),
});
export type KeyFile = Type.Static<typeof KeyFile>;

const check = checker(KeyFile);

/** Keys that come from others: reader makers and the acquirer. 16 bytes each, the caller's to wipe. */
export interface ForeignKeys {
  readonly baseDerivationKeys?: readonly { readonly ksnPrefix: string; readonly key: Uint8Array }[];
  readonly terminalMasterKey?: Uint8Array;
}

/**
 * Makes a key file with a new sealing key, readable by its owner only.
 * @throws KeyFileExists | KeyFileInvalid
 */
export async function generateKeyFile(path: string, keys: ForeignKeys = {}): Promise<void> {
  const { privateKey } = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  const file = checked({
    version: 1,
    sealingKeys: [{ ...jwk, kid }],
    baseDerivationKeys: (keys.baseDerivationKeys ?? []).map(({ ksnPrefix, key }) => ({ ksnPrefix, key: hex(key) })),
    ...(keys.terminalMasterKey && { acquirer: { terminalMasterKey: hex(keys.terminalMasterKey) } }),
  });
  let handle: FileHandle;
  try {
    handle = await open(path, "wx", 0o600);
  } catch (cause) {
    throw new KeyFileExists({ cause });
  }
  try {
    await handle.writeFile(`${JSON.stringify(file, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** @throws KeyFileUnreadable | KeyFileExposed | KeyFileInvalid */
export async function readKeyFile(path: string): Promise<KeyFile> {
  const bytes = await readPrivately(path);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    // The parser's own message quotes the text.
    throw new KeyFileInvalid({ detail: "not JSON" });
  } finally {
    bytes.fill(0);
  }
  return checked(value);
}

async function readPrivately(path: string): Promise<Buffer> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY);
  } catch (cause) {
    throw new KeyFileUnreadable({ cause });
  }
  try {
    // Asked of the open file, so that it cannot be changed for another in between. Windows has no such bits.
    const { mode } = await handle.stat();
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new KeyFileExposed({ detail: `mode ${(mode & 0o777).toString(8).padStart(4, "0")}, not 0600` });
    }
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function checked(value: unknown): KeyFile {
  let file: KeyFile;
  try {
    file = check(value);
  } catch (cause) {
    // Its message holds the place and the rule, never what was there.
    throw new KeyFileInvalid(cause instanceof MessageInvalid ? { detail: cause.message } : { cause });
  }
  const prefixes = file.baseDerivationKeys.map(({ ksnPrefix }) => ksnPrefix.toUpperCase());
  if (new Set(prefixes).size < prefixes.length) throw new KeyFileInvalid({ detail: "a ksnPrefix stands twice" });
  const kids = file.sealingKeys.map(({ kid }) => kid);
  if (new Set(kids).size < kids.length) throw new KeyFileInvalid({ detail: "a kid stands twice" });
  return file;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").toUpperCase();
