import { SwipewireError } from "@swipewire/protocol/failure";
import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type * as Pkcs11 from "pkcs11js";
import {
  KeyMechanismMissing,
  KeyModuleUnusable,
  KeySecretWrong,
  KeyTokenFailed,
  KeyTokenLocked,
  KeyTokenMissing,
} from "../errors.ts";

/** PKCS#11 3.0, which the binding has no names for. */
export const CKK_EC_EDWARDS = 0x40;
export const CKK_EC_MONTGOMERY = 0x41;
export const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055;
export const CKM_EC_MONTGOMERY_KEY_PAIR_GEN = 0x1056;

export const CKM_EDDSA = 0x1057;

/** CK_MECHANISM_INFO: what a mechanism must be able to do here. PKCS#11 2.40 table 3.6. */
const CKF_ENCRYPT = 0x100;
const CKF_DECRYPT = 0x200;
const CKF_SIGN = 0x800;
const CKF_DERIVE = 0x80000;

export interface TokenPlace {
  /** Path of the maker's PKCS#11 library. */
  readonly module: string;
  /** The token's label. */
  readonly token: string;
}

export interface TokenSession {
  readonly p11: typeof Pkcs11;
  readonly module: Pkcs11.PKCS11;
  readonly handle: Buffer;
  readonly hasMontgomery: boolean;
  close(): void;
}

interface LoadedModule {
  readonly module: Pkcs11.PKCS11;
  users: number;
}

/** A library is initialised once in a process. */
const loaded = new Map<string, LoadedModule>();

/**
 * Opens a session and logs in.
 * @throws KeyModuleUnusable | KeyTokenMissing | KeyMechanismMissing | KeySecretWrong | KeyTokenLocked | KeyTokenFailed
 */
export async function openToken({ module: path, token }: TokenPlace, pin: SensitiveBytes): Promise<TokenSession> {
  const p11 = await binding();
  const library = load(p11, path);
  const { module } = library;
  const letGo = () => {
    if (--library.users > 0) return;
    loaded.delete(path);
    module.C_Finalize();
    module.close();
  };
  try {
    const slot = module.C_GetSlotList(true).find((slot) => module.C_GetTokenInfo(slot).label.trim() === token);
    if (!slot) throw new KeyTokenMissing();
    const { mechanisms, hasMontgomery } = mechanismsOf(p11, module, slot);
    for (const { name, type, flags } of mechanisms) {
      if (!module.C_GetMechanismList(slot).includes(type)) throw new KeyMechanismMissing({ detail: name });
      if ((module.C_GetMechanismInfo(slot, type).flags & flags) !== flags)
        throw new KeyMechanismMissing({ detail: name });
    }
    const handle = module.C_OpenSession(slot, p11.CKF_SERIAL_SESSION | p11.CKF_RW_SESSION);
    try {
      // The binding takes the PIN as text only; it is not kept.
      module.C_Login(
        handle,
        p11.CKU_USER,
        pin.use((bytes) => new TextDecoder().decode(bytes)),
      );
    } catch (error) {
      // By another session of this process.
      if (nameOf(error) !== "CKR_USER_ALREADY_LOGGED_IN") {
        module.C_CloseSession(handle);
        throw error;
      }
    }
    return {
      p11,
      module,
      handle,
      hasMontgomery,
      close: () => {
        module.C_CloseSession(handle);
        letGo();
      },
    };
  } catch (error) {
    letGo();
    throw tokenFailure(error);
  }
}

/** What a token's error means. */
export function tokenFailure(error: unknown): SwipewireError {
  if (error instanceof SwipewireError) return error;
  const name = nameOf(error);
  if (name === "CKR_PIN_INCORRECT" || name === "CKR_PIN_LEN_RANGE" || name === "CKR_PIN_INVALID") {
    return new KeySecretWrong({ detail: `token: ${name}` });
  }
  if (name === "CKR_PIN_LOCKED") return new KeyTokenLocked();
  if (name === "CKR_MECHANISM_INVALID") return new KeyMechanismMissing();
  if (name === "CKR_TOKEN_NOT_PRESENT" || name === "CKR_SLOT_ID_INVALID") return new KeyTokenMissing();
  return new KeyTokenFailed({ detail: name });
}

/** `CKR_…`; never the message of another error. */
export function nameOf(error: unknown): string {
  return /^CKR_[A-Z0-9_]+/.exec(error instanceof Error ? error.message : "")?.[0] ?? "not of the token";
}

async function binding(): Promise<typeof Pkcs11> {
  try {
    return (await import("pkcs11js")).default as unknown as typeof Pkcs11;
  } catch (cause) {
    throw new KeyModuleUnusable({ detail: "pkcs11js is not installed or not built", cause });
  }
}

function load(p11: typeof Pkcs11, path: string): LoadedModule {
  let library = loaded.get(path);
  if (!library) {
    const module = new p11.PKCS11();
    try {
      module.load(path);
      module.C_Initialize();
    } catch (cause) {
      throw new KeyModuleUnusable({ detail: nameOf(cause), cause });
    }
    library = { module, users: 0 };
    loaded.set(path, library);
  }
  library.users++;
  return library;
}

function mechanismsOf(p11: typeof Pkcs11, module: Pkcs11.PKCS11, slot: Buffer) {
  const hasMontgomery = module.C_GetMechanismList(slot).includes(CKM_EC_MONTGOMERY_KEY_PAIR_GEN);
  const mechanisms = [
    { name: "CKM_DES3_ECB", type: p11.CKM_DES3_ECB, flags: CKF_ENCRYPT | CKF_DECRYPT },
    { name: "CKM_AES_ECB", type: p11.CKM_AES_ECB, flags: CKF_ENCRYPT },
    { name: "CKM_ECDH1_DERIVE", type: p11.CKM_ECDH1_DERIVE, flags: CKF_DERIVE },
    { name: "CKM_EDDSA", type: CKM_EDDSA, flags: CKF_SIGN },
    { name: "CKM_EC_EDWARDS_KEY_PAIR_GEN", type: CKM_EC_EDWARDS_KEY_PAIR_GEN, flags: 0 },
  ];
  return { mechanisms, hasMontgomery };
}
