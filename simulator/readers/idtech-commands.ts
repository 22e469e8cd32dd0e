import { ReaderCommandMalformed, ReaderFrameLrc } from "@swipewire/protocol/errors";
import { arm } from "@swipewire/protocol/readers/idtech-commands/arm";
import { BAUD_RATE_FUNCTION, baudRateOf } from "@swipewire/protocol/readers/idtech-commands/baud-rate";
import {
  ENCRYPTION_FUNCTION,
  type IdtechSecurityLevel,
  SECURITY_LEVEL_FUNCTION,
  securityLevelOf,
  securityLevelSetting,
} from "@swipewire/protocol/readers/idtech-commands/encryption";
import { decodeFrame, encodeRefusal, NAK } from "@swipewire/protocol/readers/idtech-commands/message";
import { oposMode } from "@swipewire/protocol/readers/idtech-commands/opos-mode";
import { readBuffered, type TrackSelection } from "@swipewire/protocol/readers/idtech-commands/read-buffered";
import { reset } from "@swipewire/protocol/readers/idtech-commands/reset";
import { review } from "@swipewire/protocol/readers/idtech-commands/review";
import { set } from "@swipewire/protocol/readers/idtech-commands/set";
import type { Setting } from "@swipewire/protocol/readers/idtech-commands/setting";
import { version } from "@swipewire/protocol/readers/idtech-commands/version";
import { ETX, STX } from "@swipewire/protocol/readers/idtech-layout";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type Clock, type Instant, Seconds } from "@swipewire/protocol/time";
import type { CommandSide, Heard } from "./command-side.ts";

/** What a reader answers in place of ACK, 80096504-001. */
const REFUSAL = { nak: NAK, unknownSetting: 22, alreadyInOpos: 23, nothingThere: 24 } as const;
/** STX, command, ETX, LRC. */
const SHORTEST = 4;
const LONGEST = 1027;
const CUT_OFF = Seconds(1);

export interface IdtechOptions {
  readonly version?: string;
  /** Encrypted, unless given. */
  readonly securityLevel?: IdtechSecurityLevel;
  readonly clock: Clock;
}

interface KnownSetting {
  readonly initial: string;
  /** Absent where it is read only. */
  readonly allows?: (data: Uint8Array, setting: Setting) => boolean;
}

const digit =
  (least: string, most: string) =>
  ([value = 0, ...others]: Uint8Array) =>
    others.length === 0 && value >= least.charCodeAt(0) && value <= most.charCodeAt(0);
const upTo = (length: number) => (data: Uint8Array) => data.length <= length;

/** By function id, 80096504-001 appendix A. */
const SETTINGS: Readonly<Record<number, KnownSetting>> = {
  19: { initial: "0", allows: digit("0", "9") }, // track selection
  26: { initial: "1", allows: digit("0", "1") }, // reads cards at all
  29: { initial: "1", allows: digit("0", "3") }, // decoding direction
  [BAUD_RATE_FUNCTION]: {
    initial: "5",
    allows: (_, setting) => {
      baudRateOf(setting);
      return true;
    },
  },
  [ENCRYPTION_FUNCTION]: { initial: "1", allows: digit("0", "2") },
  [SECURITY_LEVEL_FUNCTION]: { initial: "3" },
  210: { initial: "", allows: upTo(15) }, // preamble
  211: { initial: "", allows: upTo(15) }, // postamble
};

/** An ID TECH reader's side of its commands on a serial line, 80096504-001: settings, version, reset, arm and read. */
export class IdtechCommands implements CommandSide {
  readonly #version: string;
  readonly #clock: Clock;
  readonly #settings: Map<number, Uint8Array>;
  #begun: number[] = [];
  #heardAt: Instant = 0;
  #armed = false;
  #inOpos = false;
  #kept: { readonly data: SensitiveBytes; readonly tracks: readonly TrackNumber[] } | undefined;

  constructor({ version = "ID TECH TM3 V1.00", securityLevel = "encrypted", clock }: IdtechOptions) {
    this.#version = version;
    this.#clock = clock;
    this.#settings = new Map(
      Object.entries(SETTINGS).map(([functionId, { initial }]) => [
        Number(functionId),
        Uint8Array.from(Buffer.from(initial)),
      ]),
    );
    const { functionId, data } = securityLevelSetting(securityLevel);
    this.#settings.set(functionId, data);
  }

  get encrypts(): boolean {
    const data = this.#settings.get(SECURITY_LEVEL_FUNCTION) ?? new Uint8Array();
    return securityLevelOf({ functionId: SECURITY_LEVEL_FUNCTION, data }).startsWith("encrypted");
  }

  /** Takes a frame to keep where the reader is armed. @returns whether it did; the frame stays the caller's to wipe */
  keep(frame: Uint8Array, tracks: readonly TrackNumber[]): boolean {
    if (!this.#armed) return false;
    this.#armed = false;
    this.#forget();
    this.#kept = { data: SensitiveBytes.copyOf(frame), tracks };
    return true;
  }

  hear(bytes: Uint8Array): Heard | undefined {
    const now = this.#clock.now();
    if (now - this.#heardAt > CUT_OFF) this.#begun = [];
    this.#heardAt = now;
    const replies: number[] = [];
    for (const byte of bytes) {
      if (this.#begun.length === 0 && byte !== STX) continue;
      this.#begun.push(byte);
      const request = Uint8Array.from(this.#begun);
      if (!isWhole(request)) {
        if (this.#begun.length < LONGEST) continue;
        replies.push(...encodeRefusal());
      } else {
        replies.push(...this.#answer(request));
      }
      this.#begun = [];
    }
    return replies.length === 0 ? undefined : { reply: Uint8Array.from(replies) };
  }

  #answer(request: Uint8Array): Uint8Array {
    try {
      return this.#act(request);
    } catch (failure) {
      if (failure instanceof ReaderCommandMalformed) return encodeRefusal();
      throw failure;
    }
  }

  #act(request: Uint8Array): Uint8Array {
    switch (request[1]) {
      case 0x39:
        version.decodeRequest(request);
        return version.encodeResponse({ version: this.#version });
      case 0x49:
        reset.decodeRequest(request);
        this.#armed = false;
        this.#inOpos = false;
        this.#forget();
        return reset.encodeResponse();
      case 0x4d:
        oposMode.decodeRequest(request);
        if (this.#inOpos) return encodeRefusal(REFUSAL.alreadyInOpos);
        this.#inOpos = true;
        return oposMode.encodeResponse();
      case 0x50:
        this.#armed = arm.decodeRequest(request).armed;
        if (!this.#armed) this.#forget();
        return arm.encodeResponse();
      case 0x51: {
        const { tracks } = readBuffered.decodeRequest(request);
        if (!this.#kept || !holds(this.#kept.tracks, tracks)) return encodeRefusal(REFUSAL.nothingThere);
        return readBuffered.encodeResponse({ data: this.#kept.data });
      }
      case 0x52: {
        const { functionId } = review.decodeRequest(request);
        const data = this.#settings.get(functionId);
        return data ? review.encodeResponse({ functionId, data }) : encodeRefusal(REFUSAL.unknownSetting);
      }
      case 0x53: {
        const setting = set.decodeRequest(request);
        const known = SETTINGS[setting.functionId];
        if (!known) return encodeRefusal(REFUSAL.unknownSetting);
        if (!known.allows?.(setting.data, setting)) return encodeRefusal();
        this.#settings.set(setting.functionId, setting.data);
        return set.encodeResponse();
      }
      default:
        return encodeRefusal();
    }
  }

  #forget(): void {
    this.#kept?.data.wipe();
    this.#kept = undefined;
  }
}

/** Between STX and ETX there may be either, so the check character tells the end. */
function isWhole(bytes: Uint8Array): boolean {
  if (bytes.length < SHORTEST || bytes.at(-2) !== ETX) return false;
  try {
    decodeFrame(bytes);
    return true;
  } catch (failure) {
    if (failure instanceof ReaderFrameLrc) return false;
    throw failure;
  }
}

function holds(tracks: readonly TrackNumber[], selection: TrackSelection): boolean {
  const asked = Array.from(selection.matchAll(/\d/g), ([text]) => Number(text));
  if (selection.includes("or")) return asked.some((number) => tracks.some((track) => track === number));
  return asked.every((number) => tracks.some((track) => track === number));
}
