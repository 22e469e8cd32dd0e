import { ReaderCommandMalformed, ReaderCommandRefused } from "../errors.ts";
import { encodeModemMessage, IDENTITY, readReaderMessage } from "../waveform/modem/modem-message.ts";
import type { StreamFamily } from "./frame-streams.ts";
import { SECURITY_LEVEL_FUNCTION, securityLevelOf } from "./idtech-commands/encryption.ts";
import { isWholeResponse } from "./idtech-commands/message.ts";
import { review } from "./idtech-commands/review.ts";
import { getProperty } from "./magtek-commands/get-property.ts";
import { getSecurityLevel } from "./magtek-commands/security-level.ts";
import { encodeNativeFrame, NativeStream } from "./native-frame.ts";
import type { Face, ReaderProfile, ReaderQuirk } from "./profiles.ts";

/*
 * Models whose ids leave two families open are asked which one they send. Nothing that a question asks changes the reader.
 */

/** Characters. */
const LONGEST_SAID = 80;

/** What a reader's answers come to. */
export interface ReaderAnswer {
  readonly family: StreamFamily;
  /** For people: what it said of itself, printable ASCII, up to 80 characters. */
  readonly says: string;
}

/** Gives a request, takes the response to it, and so on until the answer is known. */
export type ReaderInterview = Generator<Uint8Array, ReaderAnswer, Uint8Array>;

/** How a reader is asked. */
export interface ReaderQuestion {
  /** The one face that it can be asked on. */
  readonly face: Face;
  /** Is this all of a response, on a face where it comes in pieces? */
  isWhole(response: Uint8Array): boolean;
  /**
   * Its `next` takes responses as they travel.
   * @throws ReaderCommandMalformed | ReaderCommandRefused | ReaderFrameLrc | ModemMessageInvalid out of `next`, when an answer tells nothing
   */
  begin(): ReaderInterview;
}

/** MagTek D99875475-10 "Keyboard SureSwipe Flag Property": in force at security level 2 only. */
const magtekKeyboardFormat: ReaderQuestion = {
  face: "keyboard",
  isWhole: () => true,
  *begin() {
    const level = yield* magtekLevel();
    if (level === undefined) return { family: "ascii", says: "no security level: SureSwipe" };
    if (level > 2) return { family: "magtek-keyboard", says: `security level ${level}` };
    const flag = getProperty.decodeResponse(yield getProperty.encodeRequest({ property: "keyboard sureswipe flag" }));
    const [value] = flag.value;
    if (flag.value.length !== 1 || value === undefined || value > 1) {
      throw new ReaderCommandMalformed({ detail: `property 0x1A, ${flag.value.length} bytes` });
    }
    return value === 1
      ? { family: "ascii", says: "security level 2, SureSwipe text" }
      : { family: "magtek-keyboard", says: "security level 2, MagneSafe text" };
  },
};

/** @returns undefined for a SureSwipe reader, D99875206: it has the same product id, properties, and no such command */
function* magtekLevel(): Generator<Uint8Array, number | undefined, Uint8Array> {
  const response = yield getSecurityLevel.encodeRequest();
  try {
    return getSecurityLevel.decodeResponse(response).level;
  } catch (failure) {
    if (!(failure instanceof ReaderCommandRefused)) throw failure;
    getProperty.decodeResponse(yield getProperty.encodeRequest({ property: "software id" }));
    return undefined;
  }
}

/** ID TECH 80096504-001 appendix A, function 0x7E. */
const idtechSecurityLevel: ReaderQuestion = {
  face: "serial",
  isWhole: isWholeResponse,
  *begin() {
    const level = securityLevelOf(
      review.decodeResponse(yield review.encodeRequest({ functionId: SECURITY_LEVEL_FUNCTION })),
    );
    const isClear = level === "clear" || level === "keys loaded, clear";
    return { family: isClear ? "ascii" : "idtech", says: `security level: ${level}` };
  },
};

/** Of the question, before the reader is armed under those that follow. */
const IDENTIFY = 0;

/**
 * Who a reader with the native frame is.
 * @param family of the frames that it sends in it
 */
export const nativeIdentity = (family: StreamFamily): ReaderQuestion => ({
  face: "serial",
  isWhole(response) {
    const begin = response.findIndex((byte) => byte !== 0);
    return begin >= 0 && response.includes(0, begin);
  },
  *begin() {
    const { messageKind, payload } = encodeModemMessage({ type: "identify", sequence: IDENTIFY });
    const response = yield encodeNativeFrame(messageKind, payload);
    for (const { frame } of new NativeStream().push(response)) {
      if (frame?.messageKind !== IDENTITY) {
        frame?.payload.wipe();
        continue;
      }
      const message = readReaderMessage(frame);
      if (message?.type !== "identity" || message.sequence !== IDENTIFY) continue;
      const { model, serial, firmware } = message;
      return { family, says: `${model}, serial number ${serial}, firmware ${firmware}`.slice(0, LONGEST_SAID) };
    }
    throw new ReaderCommandMalformed({ detail: `no identity in ${response.length} bytes` });
  },
});

const QUESTIONS: Partial<Record<ReaderQuirk, ReaderQuestion>> = {
  "sureswipe-text": magtekKeyboardFormat,
  "clear-lines": idtechSecurityLevel,
};

/** What a reader of this profile has to be asked; undefined where its ids tell its family, or that face has no way to ask. */
export function questionOf({ quirks }: ReaderProfile, shownAs: Face): ReaderQuestion | undefined {
  return quirks.map((quirk) => QUESTIONS[quirk]).find((question) => question?.face === shownAs);
}
