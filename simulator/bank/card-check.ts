import { readServiceCode } from "@swipewire/protocol/card/service-code";
import { decodePinBlockFormat0 } from "@swipewire/protocol/crypto/pin-block";
import { decryptEcb, type TdesKey } from "@swipewire/protocol/crypto/tdes";
import { PinBlockMalformed } from "@swipewire/protocol/errors";
import type { UnionPayMessage } from "@swipewire/protocol/iso8583/unionpay-messages";
import type { BankCard, Books } from "./books.ts";

const SEPARATOR = 0x3d;

/** @returns the card, where there is one of that number, and field 39 where something is wrong with it */
export function checkCard(
  { fields }: UnionPayMessage,
  pinKey: TdesKey,
  books: Books,
): { card?: BankCard; responseCode?: string } {
  const { 22: entryMode, 26: longestPin, 35: track2, 52: pinBlock } = fields;
  if (track2 === undefined || (entryMode === "021") !== (pinBlock !== undefined)) return { responseCode: "30" };
  if ((pinBlock === undefined) !== (longestPin === undefined)) return { responseCode: "30" };
  return track2.use((track) => {
    const separator = track.indexOf(SEPARATOR);
    const pan = track.subarray(0, Math.max(0, separator));
    const card = books.cardOf(pan);
    if (!card) return { responseCode: "14" };
    if (pinBlock === undefined) {
      const serviceCode = track.subarray(separator + 5, separator + 8);
      // ISO/IEC 7813: what the card demands, no terminal can waive.
      const demanded = card.pin !== undefined && readServiceCode(serviceCode)?.pin === "required";
      return demanded ? { card, responseCode: "55" } : { card };
    }
    return {
      card,
      ...checkPin(
        card,
        pan,
        pinBlock.use((block) => decryptEcb(pinKey, block)),
        books,
      ),
    };
  });
}

function checkPin(card: BankCard, pan: Uint8Array, block: Uint8Array, books: Books): { responseCode?: string } {
  try {
    using pin = decodePinBlockFormat0(block, pan);
    const verdict = pin.use((digits) => books.tryPin(card, digits));
    if (verdict === "right") return {};
    return { responseCode: verdict === "blocked" ? "75" : "55" };
  } catch (error) {
    if (error instanceof PinBlockMalformed) return { responseCode: "99" };
    throw error;
  } finally {
    block.fill(0);
  }
}
