import { malformed } from "./message.ts";
import type { Setting } from "./setting.ts";

/** 80096504-001 appendix A: the function id of what tracks are encrypted with: '0' nothing, '1' TDES, '2' AES. */
export const ENCRYPTION_FUNCTION = 0x4c;
/** As {@link ENCRYPTION_FUNCTION}: of the security level, read only. */
export const SECURITY_LEVEL_FUNCTION = 0x7e;

/** 80096504-001 appendix A, in the order of their digits. */
export const IDTECH_SECURITY_LEVELS = [
  "keys used up",
  "clear",
  "keys loaded, clear",
  "encrypted",
  "encrypted after authentication",
] as const;
/** One of {@link IDTECH_SECURITY_LEVELS}. */
export type IdtechSecurityLevel = (typeof IDTECH_SECURITY_LEVELS)[number];

const DIGIT_ZERO = 0x30;

/** The setting that tells a security level. */
export const securityLevelSetting = (level: IdtechSecurityLevel): Setting => ({
  functionId: SECURITY_LEVEL_FUNCTION,
  data: Uint8Array.of(DIGIT_ZERO + IDTECH_SECURITY_LEVELS.indexOf(level)),
});

/** The security level that a setting tells. @throws ReaderCommandMalformed when it is another setting */
export function securityLevelOf({ functionId, data }: Setting): IdtechSecurityLevel {
  const [digit = 0] = data;
  const level = IDTECH_SECURITY_LEVELS[digit - DIGIT_ZERO];
  if (functionId !== SECURITY_LEVEL_FUNCTION || data.length !== 1 || level === undefined) {
    throw malformed(`function ${functionId}, ${data.length} bytes`);
  }
  return level;
}
