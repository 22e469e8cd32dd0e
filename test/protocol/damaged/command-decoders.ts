import { encryptEcb, tdesKey } from "@swipewire/protocol/crypto/tdes";
import { arm } from "@swipewire/protocol/readers/idtech-commands/arm";
import { baudRateOf, baudRateSetting } from "@swipewire/protocol/readers/idtech-commands/baud-rate";
import { securityLevelOf, securityLevelSetting } from "@swipewire/protocol/readers/idtech-commands/encryption";
import { oposMode } from "@swipewire/protocol/readers/idtech-commands/opos-mode";
import { readBuffered } from "@swipewire/protocol/readers/idtech-commands/read-buffered";
import * as idtechReset from "@swipewire/protocol/readers/idtech-commands/reset";
import { review } from "@swipewire/protocol/readers/idtech-commands/review";
import { set } from "@swipewire/protocol/readers/idtech-commands/set";
import { version } from "@swipewire/protocol/readers/idtech-commands/version";
import { activateAuthenticatedMode } from "@swipewire/protocol/readers/magtek-commands/activate-authenticated-mode";
import { activationChallengeReply } from "@swipewire/protocol/readers/magtek-commands/activation-challenge-reply";
import {
  activationReply,
  deactivationReply,
  decryptChallenge,
  readActivationReply,
  readDeactivationReply,
} from "@swipewire/protocol/readers/magtek-commands/authentication";
import { takeMac, withMac } from "@swipewire/protocol/readers/magtek-commands/command-mac";
import { deactivateAuthenticatedMode } from "@swipewire/protocol/readers/magtek-commands/deactivate-authenticated-mode";
import { getKsn } from "@swipewire/protocol/readers/magtek-commands/get-ksn";
import { getProperty } from "@swipewire/protocol/readers/magtek-commands/get-property";
import { getReaderState } from "@swipewire/protocol/readers/magtek-commands/reader-state";
import * as magtekReset from "@swipewire/protocol/readers/magtek-commands/reset";
import { getSecurityLevel, setSecurityLevel } from "@swipewire/protocol/readers/magtek-commands/security-level";
import { setProperty } from "@swipewire/protocol/readers/magtek-commands/set-property";
import { setSessionId } from "@swipewire/protocol/readers/magtek-commands/set-session-id";
import { readerProfiles } from "@swipewire/protocol/readers/profiles";
import type { ReaderCommand } from "@swipewire/protocol/readers/reader-command";
import { questionOf } from "@swipewire/protocol/readers/reader-questions";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { ascii, hex, idtech } from "../readers/frame-samples.ts";
import type { DamagedDecoder } from "./damaged-decoder.ts";

/** The requests and the responses of a command; a request is mended by its own family's check. */
function exchange<Request, Response>(
  file: string,
  name: string,
  command: ReaderCommand<Request, Response>,
  request: Request,
  response: Response,
): DamagedDecoder[] {
  const rest = { of: [`readers/${file}#${name}`], codes: /^reader_(command|frame_lrc)/ };
  const mended = (first: number) => (bytes: Uint8Array) => {
    const frame = bytes.subarray(first);
    if (frame.length > 2) frame[frame.length - 1] = frame.subarray(0, -1).reduce((lrc, byte) => lrc ^ byte, 0);
    return bytes;
  };
  const isIdtech = file.startsWith("idtech");
  return [
    {
      ...rest,
      name: `${file}: ${name}, request`,
      samples: [command.encodeRequest(request)],
      decode: (bytes) => command.decodeRequest(bytes),
      ...(isIdtech && { mended: mended(0) }),
    },
    {
      ...rest,
      name: `${file}: ${name}, response`,
      samples: [command.encodeResponse(response)],
      decode: (bytes) => command.decodeResponse(bytes),
      ...(isIdtech && { mended: mended(1) }),
    },
  ];
}

const eight = hex("0102030405060708");
const value = ascii("B400795");
const pinKey = hex("0DF3D9422ACA561A47676D07AD6BAD05");
const challenge = hex("7549AB6EB4840003");
const inside = "magtek-commands/authentication";
const encryptedChallenge = encryptEcb(tdesKey(pinKey.map((byte) => byte ^ 0xf0)), challenge);

export const commandDecoders: readonly DamagedDecoder[] = [
  ...exchange("magtek-commands/get-property", "getProperty", getProperty, { property: "device serial" }, { value }),
  ...exchange(
    "magtek-commands/set-property",
    "setProperty",
    setProperty,
    { property: "device serial", value },
    undefined,
  ),
  ...exchange("magtek-commands/reset", "reset", magtekReset.reset, undefined, undefined),
  ...exchange("magtek-commands/get-ksn", "getKsn", getKsn, undefined, { ksn: hex("FFFF9876543210E00001") }),
  ...exchange("magtek-commands/set-session-id", "setSessionId", setSessionId, { sessionId: eight }, undefined),
  ...exchange("magtek-commands/security-level", "getSecurityLevel", getSecurityLevel, undefined, { level: 3 }),
  ...exchange("magtek-commands/security-level", "setSecurityLevel", setSecurityLevel, { level: 3 }, undefined),
  ...exchange(
    "magtek-commands/activate-authenticated-mode",
    "activateAuthenticatedMode",
    activateAuthenticatedMode,
    { replyWithin: 240 },
    { ksn: hex("FFFF9876543210E00003"), challenge1: eight, challenge2: eight },
  ),
  ...exchange(
    "magtek-commands/activation-challenge-reply",
    "activationChallengeReply",
    activationChallengeReply,
    { reply: eight, encryptedSessionId: eight },
    undefined,
  ),
  ...exchange(
    "magtek-commands/deactivate-authenticated-mode",
    "deactivateAuthenticatedMode",
    deactivateAuthenticatedMode,
    { reply: eight },
    undefined,
  ),
  ...exchange(
    "magtek-commands/reader-state",
    "getReaderState",
    getReaderState,
    undefined,
    getReaderState.decodeResponse(hex("00020000")),
  ),
  ...exchange("idtech-commands/review", "review", review, { functionId: 0xd3 }, { functionId: 0xd3, data: eight }),
  ...exchange("idtech-commands/set", "set", set, { functionId: 0x1a, data: ascii("1") }, undefined),
  ...exchange("idtech-commands/reset", "reset", idtechReset.reset, undefined, undefined),
  ...exchange("idtech-commands/arm", "arm", arm, { armed: true }, undefined),
  ...exchange("idtech-commands/opos-mode", "oposMode", oposMode, { mode: hex("0130") }, undefined),
  ...exchange("idtech-commands/version", "version", version, undefined, { version: "ID TECH TM3 V1.00" }),
  ...exchange(
    "idtech-commands/read-buffered",
    "readBuffered",
    readBuffered,
    { tracks: "1, 2 and 3" },
    { data: SensitiveBytes.copyOf(hex(idtech.original_format.hex)) },
  ),
  {
    name: "ID TECH baud rate",
    of: ["readers/idtech-commands/baud-rate#baudRateOf"],
    samples: [set.encodeRequest(baudRateSetting(9600))],
    codes: /^reader_(command_malformed|frame_lrc)$/,
    decode: (bytes) => baudRateOf(set.decodeRequest(bytes)),
  },
  {
    name: "ID TECH security level",
    of: ["readers/idtech-commands/encryption#securityLevelOf"],
    samples: [set.encodeRequest(securityLevelSetting("encrypted"))],
    codes: /^reader_(command_malformed|frame_lrc)$/,
    decode: (bytes) => securityLevelOf(set.decodeRequest(bytes)),
  },
  ...["sureswipe-text", "clear-lines"].map((quirk): DamagedDecoder => {
    const face = quirk === "clear-lines" ? "serial" : "keyboard";
    const profile = readerProfiles.find(({ quirks }) => quirks.some((other) => other === quirk));
    const question = profile && questionOf(profile, face);
    return {
      name: `what a reader is asked: ${quirk}`,
      of: ["readers/reader-questions#questionOf"],
      samples: [
        getSecurityLevel.encodeResponse({ level: 3 }),
        review.encodeResponse(securityLevelSetting("encrypted")),
      ].slice(face === "serial" ? 1 : 0, face === "serial" ? 2 : 1),
      codes: /^reader_(command|frame_lrc)/,
      decode(bytes) {
        question?.isWhole(bytes);
        const interview = question?.begin();
        let step = interview?.next(new Uint8Array());
        while (step && !step.done) step = interview?.next(bytes);
      },
    };
  }),
  {
    name: "MAC of a MagTek command",
    of: ["readers/magtek-commands/command-mac#takeMac"],
    samples: [withMac(setSecurityLevel.encodeRequest({ level: 3 }), (message) => message.slice(0, 8))],
    codes: /^reader_command_(malformed|mac)$/,
    decode: (bytes) => takeMac(bytes, (message) => message.slice(0, 8)),
  },
  {
    name: "challenges and replies of MagTek's authenticated mode",
    of: ["decryptChallenge", "readActivationReply", "readDeactivationReply"].map((name) => `readers/${inside}#${name}`),
    samples: [activationReply(pinKey, encryptedChallenge, 60), deactivationReply(pinKey, encryptedChallenge, true)],
    codes: /^reader_(command_malformed|challenge_failed)$/,
    decode(bytes) {
      decryptChallenge(pinKey, bytes);
      const isOne = (read: typeof readActivationReply | typeof readDeactivationReply) => {
        try {
          read(pinKey, challenge, bytes);
          return true;
        } catch (failure) {
          if ((failure as { code?: string }).code === "reader_challenge_failed") return false;
          throw failure;
        }
      };
      if (!isOne(readDeactivationReply)) readActivationReply(pinKey, challenge, bytes);
    },
  },
];
