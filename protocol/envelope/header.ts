import Type from "typebox";
import { PhoneNumber, strict, Uuid } from "../messages/fields.ts";

const hex = (bytes: number) => Type.String({ pattern: `^[0-9a-f]{${bytes * 2}}$` });
const TrackNumber = Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3)]);
/** ISO/IEC 4909: 107 characters is the longest track, sentinels and LRC included. */
const TrackLength = Type.Integer({ minimum: 1, maximum: 112 });
const Family = Type.Union([
  Type.Literal("magtek-sureswipe"),
  Type.Literal("magtek-magnesafe"),
  Type.Literal("magtek-keyboard"),
  Type.Literal("idtech"),
  Type.Literal("idtech-keyboard"),
  Type.Literal("ascii"),
  Type.Literal("hid-msr"),
]);
const Serial = Type.Optional(Type.String({ maxLength: 40 }));
const ClearTracks = Type.Array(strict({ number: TrackNumber, length: TrackLength }), { maxItems: 3 });

const ClearContent = strict({ kind: Type.Literal("clear"), family: Family, serial: Serial, tracks: ClearTracks });

const EncryptedContent = strict({
  kind: Type.Literal("encrypted"),
  family: Family,
  serial: Serial,
  scheme: Type.Union([Type.Literal("tdes-dukpt-pin-cbc"), Type.Literal("tdes-dukpt-data-cbc")]),
  ksn: hex(10),
  blocks: Type.Array(
    strict({
      tracks: Type.Array(TrackNumber, { minItems: 1, maxItems: 3 }),
      lengths: Type.Array(TrackLength, { minItems: 1, maxItems: 3 }),
      length: Type.Integer({ minimum: 8, maximum: 344, multipleOf: 8 }),
    }),
    // That they open under the KSN is what proves the KSN: without any, a terminal could use up another one's reader.
    { minItems: 1, maxItems: 3 },
  ),
  hashes: Type.Array(strict({ track: TrackNumber, sha1: hex(20) }), { maxItems: 3 }),
  tracks: ClearTracks,
});

/**
 * The JWS protected header of a sealed swipe. It says who sealed what for which payment, and how the payload, which is
 * nothing but track bytes and ciphertext end to end, is to be cut. `b64: false` (RFC 7797) keeps those bytes out of
 * JavaScript strings, which cannot be wiped.
 */
export const SealHeader = strict({
  alg: Type.Literal("EdDSA"),
  b64: Type.Literal(false),
  crit: Type.Array(Type.Literal("b64"), { minItems: 1, maxItems: 1 }),
  typ: Type.Literal("swipewire-swipe+1"),
  /** The terminal. */
  kid: Uuid,
  swipe: Uuid,
  payment: Uuid,
  order: Uuid,
  /** Has the card a PIN? With true there must be a phone number to ask it on. */
  pin: Type.Boolean(),
  phone: Type.Optional(PhoneNumber),
  /** Milliseconds since the epoch. */
  at: Type.Integer({ minimum: 0 }),
  content: Type.Union([ClearContent, EncryptedContent]),
});
export type SealHeader = Type.Static<typeof SealHeader>;
