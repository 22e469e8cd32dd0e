import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  scrypt,
  timingSafeEqual,
} from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { MessageInvalid } from "@swipewire/protocol/errors";
import { strict } from "@swipewire/protocol/messages/fields";
import { checker } from "@swipewire/protocol/messages/parse";
import type { Random } from "@swipewire/protocol/random";
import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import Type from "typebox";
import {
  KeyFileExists,
  KeyFileExposed,
  KeyFileInvalid,
  KeyFileUnreadable,
  KeySecretWeak,
  KeySecretWrong,
  KeyStoreBusy,
} from "../errors.ts";

const base64 = (pattern: string) => Type.String({ pattern: `^[A-Za-z0-9_-]${pattern}$` });

/** RFC 7914. Memory is 128 · N · r bytes, bounded so that a damaged file can't ask for more. */
const Cost = strict({
  N: Type.Enum([2 ** 10, 2 ** 14, 2 ** 15, 2 ** 16, 2 ** 17, 2 ** 18]),
  r: Type.Literal(8),
  p: Type.Integer({ minimum: 1, maximum: 16 }),
});
export type ScryptCost = Type.Static<typeof Cost>;

/** Against who guesses at what a person made up: 32 MiB and three passes, as OWASP's password storage sheet has it. */
export const PASSPHRASE_COST: ScryptCost = { N: 2 ** 15, r: 8, p: 3 };
/** For a passphrase of {@link makeSecretFile}, which nobody can guess. */
export const RANDOM_SECRET_COST: ScryptCost = { N: 2 ** 10, r: 8, p: 1 };

const SealedFile = strict({
  version: Type.Literal(2),
  kdf: Type.Literal("scrypt"),
  cost: Cost,
  salt: base64("{22}"),
  /** Tells a wrong passphrase from a damaged file. */
  verifier: base64("{22}"),
  cipher: Type.Literal("aes-256-gcm"),
  iv: base64("{16}"),
  /** Ciphertext and tag. */
  sealed: base64("+"),
});
type SealedFile = Type.Static<typeof SealedFile>;

const check = checker(SealedFile);

const SHORTEST_SECRET = 12;
const KEY = 32;
const VERIFIER = 16;
const TAG = 16;
const LONGEST_FILE = 1_048_576;

/** What opens a file, and seals it again: derived once. */
interface Sealing {
  readonly head: Pick<SealedFile, "version" | "kdf" | "cost" | "salt" | "verifier" | "cipher">;
  readonly key: KeyObject;
}

/**
 * A file of secrets, AES-256-GCM under a key that scrypt makes of a passphrase. Its clear parameters are authenticated with
 * what they protect.
 */
export class SealedSecrets {
  readonly #path: string;
  #sealing: Sealing;
  readonly #random: Random;
  /** As last read or written. */
  #text: string;

  private constructor(path: string, sealing: Sealing, random: Random, text: string) {
    this.#path = path;
    this.#sealing = sealing;
    this.#random = random;
    this.#text = text;
  }

  /** @throws KeyFileExists | KeySecretWeak */
  static async create(
    path: string,
    secret: SensitiveBytes,
    content: Uint8Array,
    { random, cost }: { readonly random: Random; readonly cost: ScryptCost },
  ): Promise<void> {
    const text = seal(await newSealing(secret, cost, random), content, random);
    try {
      await using handle = await open(path, "wx", 0o600);
      await handle.writeFile(text);
      await handle.sync();
    } catch (cause) {
      throw new KeyFileExists({ detail: (cause as NodeJS.ErrnoException).code ?? "unknown", cause });
    }
  }

  /**
   * @returns the file and what is in it, the caller's to wipe
   * @throws KeyFileUnreadable | KeyFileExposed | KeyFileInvalid | KeySecretWrong
   */
  static async open(
    path: string,
    secret: SensitiveBytes,
    random: Random,
  ): Promise<{ file: SealedSecrets; content: Uint8Array }> {
    const text = await readPrivately(path);
    const { iv, sealed, ...head } = parse(text);
    const { key, verifier } = await derive(secret, head.salt, head.cost);
    if (!timingSafeEqual(verifier, Buffer.from(head.verifier, "base64url"))) throw new KeySecretWrong();
    const content = unseal({ head, key }, iv, sealed);
    return { file: new SealedSecrets(path, { head, key }, random, text), content };
  }

  /**
   * What another process has put there since, the caller's to wipe; undefined where nothing was.
   * @param readSecret is asked where the passphrase was changed too
   * @throws as {@link open}
   */
  async reread(readSecret: () => Promise<SensitiveBytes>) {
    const text = await readPrivately(this.#path);
    if (text === this.#text) return undefined;
    const { iv, sealed, ...head } = parse(text);
    if (!isDeepStrictEqual(head, this.#sealing.head)) {
      using secret = await readSecret();
      return await SealedSecrets.open(this.#path, secret, this.#random);
    }
    const content = unseal(this.#sealing, iv, sealed);
    this.#text = text;
    return { file: this, content };
  }

  /**
   * Puts other content in the place of what is there, whole or not at all.
   * @throws KeyStoreBusy when somebody else changes it, or has since it was opened
   */
  async replace(content: Uint8Array): Promise<void> {
    await this.#put(this.#sealing, content);
  }

  /** As {@link replace}, under another passphrase. @throws KeySecretWeak | KeyStoreBusy */
  async reseal(content: Uint8Array, secret: SensitiveBytes, cost: ScryptCost): Promise<void> {
    const sealing = await newSealing(secret, cost, this.#random);
    await this.#put(sealing, content);
    this.#sealing = sealing;
  }

  async #put(sealing: Sealing, content: Uint8Array): Promise<void> {
    const next = `${this.#path}.new`;
    let handle: FileHandle;
    try {
      // The new file is the lock as well.
      handle = await open(next, "wx", 0o600);
    } catch (cause) {
      throw new KeyStoreBusy({ detail: `${next}: ${(cause as NodeJS.ErrnoException).code ?? "unknown"}`, cause });
    }
    try {
      const text = seal(sealing, content, this.#random);
      try {
        if ((await readPrivately(this.#path)) !== this.#text) throw new KeyStoreBusy({ detail: "changed meanwhile" });
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(next, this.#path);
      this.#text = text;
    } catch (failure) {
      await rm(next, { force: true });
      throw failure;
    }
    await syncFolderOf(this.#path);
  }
}

/** So that a new name outlives a power cut. Where that can't be done, as on Windows, it stays undone: the name is there. */
export async function syncFolderOf(path: string): Promise<void> {
  try {
    await using folder = await open(dirname(path));
    await folder.sync();
  } catch {}
}

async function readPrivately(path: string): Promise<string> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY);
  } catch (cause) {
    throw new KeyFileUnreadable({ cause });
  }
  try {
    // Asked of the open file, so that it cannot be changed for another in between. Windows has no such bits.
    const { mode, size } = await handle.stat();
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new KeyFileExposed({ detail: `mode ${(mode & 0o777).toString(8).padStart(4, "0")}, not 0600` });
    }
    if (size > LONGEST_FILE) throw new KeyFileInvalid({ detail: `${size} bytes` });
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

function parse(text: string): SealedFile {
  try {
    return check(JSON.parse(text));
  } catch (cause) {
    // The parser's own message quotes the text; the check's holds the place and the rule only.
    throw new KeyFileInvalid({ detail: cause instanceof MessageInvalid ? cause.message : "not JSON" });
  }
}

async function newSealing(secret: SensitiveBytes, cost: ScryptCost, random: Random): Promise<Sealing> {
  if (secret.length < SHORTEST_SECRET) throw new KeySecretWeak({ detail: `${secret.length} bytes` });
  const salt = Buffer.from(random.bytes(16)).toString("base64url");
  const { key, verifier } = await derive(secret, salt, cost);
  const head = { version: 2, kdf: "scrypt", cost, salt, verifier: verifier.toString("base64url") } as const;
  return { head: { ...head, cipher: "aes-256-gcm" }, key };
}

async function derive(secret: SensitiveBytes, salt: string, { N, r, p }: ScryptCost) {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const options = { N, r, p, maxmem: 129 * N * r + 2 ** 20 };
  secret.use((bytes) =>
    scrypt(bytes, Buffer.from(salt, "base64url"), KEY + VERIFIER, options, (error, derived) =>
      error ? reject(error) : resolve(derived),
    ),
  );
  const derived = await promise;
  const key = createSecretKey(derived.subarray(0, KEY));
  const verifier = Buffer.from(derived.subarray(KEY));
  derived.fill(0);
  return { key, verifier };
}

/** In one order, whatever order the file has them in. */
const authenticated = ({ version, kdf, cost: { N, r, p }, salt, verifier, cipher }: Sealing["head"]) =>
  new TextEncoder().encode(JSON.stringify([version, kdf, N, r, p, salt, verifier, cipher]));

function seal({ head, key }: Sealing, content: Uint8Array, random: Random): string {
  const iv = random.bytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(authenticated(head));
  const sealed = Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]).toString("base64url");
  return `${JSON.stringify({ ...head, iv: Buffer.from(iv).toString("base64url"), sealed }, null, 2)}\n`;
}

function unseal({ head, key }: Sealing, iv: string, text: string): Uint8Array {
  const sealed = Buffer.from(text, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(iv, "base64url"), { authTagLength: TAG });
  try {
    decipher.setAAD(authenticated(head)).setAuthTag(sealed.subarray(-TAG));
    const content = decipher.update(sealed.subarray(0, -TAG));
    decipher.final();
    return content;
  } catch {
    throw new KeyFileInvalid({ detail: "damaged: its seal does not fit" });
  }
}
