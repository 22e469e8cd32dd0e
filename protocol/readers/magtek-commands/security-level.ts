import type { Layout } from "../reader-command.ts";
import { byteOf, exactly, magtekCommand, nothing } from "./message.ts";

/** 2: clear; 3: encrypted; 4: encrypted, and only after authentication. A reader never goes back. */
export interface SecurityLevel {
  readonly level: number;
}

const level: Layout<SecurityLevel> = {
  encode: ({ level }) => Uint8Array.of(byteOf(level, "security level")),
  decode: (data) => ({ level: exactly(1, data)[0] ?? 0 }),
};

const NUMBER = 0x15;

/** Asks for the security level. */
export const getSecurityLevel = magtekCommand<void, SecurityLevel>("get security level", NUMBER, nothing, level);

/** Always carries a MAC, see `command-mac.ts`. */
export const setSecurityLevel = magtekCommand<SecurityLevel, void>("set security level", NUMBER, level, nothing);
