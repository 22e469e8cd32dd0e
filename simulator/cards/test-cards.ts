import { trackFormats } from "@swipewire/protocol/card/alphabets";
import { sampleTracks3 } from "@swipewire/protocol/card/test-numbers";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { TestCardUnknown } from "../errors.ts";

export interface TestCardTrack {
  readonly number: TrackNumber;
  /** ASCII, start to end sentinel, without LRC. Shared: copy it, never wipe it. */
  readonly data: Uint8Array;
}

/** A card that no bank issued: published test numbers and makers' samples only. */
export interface TestCard {
  readonly name: string;
  /** What it is for, in a few words. */
  readonly purpose: string;
  /** ASCII digits. */
  readonly pan: Uint8Array;
  readonly tracks: readonly TestCardTrack[];
  /** ASCII digits, as the simulated bank knows it. Absent where the card has none. */
  readonly pin?: Uint8Array;
}

interface Stripe {
  readonly track1?: string;
  readonly track2: string;
  readonly track3?: string;
}

const ascii = (text: string) => new TextEncoder().encode(text);

function card(name: string, purpose: string, stripe: Stripe, pin?: string): TestCard {
  const track2 = ascii(stripe.track2);
  return {
    name,
    purpose,
    pan: track2.subarray(1, track2.indexOf(trackFormats[2].separator)),
    tracks: [
      ...(stripe.track1 ? [{ number: 1 as const, data: ascii(stripe.track1) }] : []),
      { number: 2, data: track2 },
      ...(stripe.track3 ? [{ number: 3 as const, data: ascii(stripe.track3) }] : []),
    ],
    ...(pin !== undefined && { pin: ascii(pin) }),
  };
}

export const testCards: readonly TestCard[] = [
  card(
    "magtek-sample",
    "the card of MagTek's manual (D99875475-10, appendix D); fails the Luhn check",
    {
      track1: "%B5452300551227189^HOGAN/PAUL      ^08043210000000725000000?",
      track2: ";5452300551227189=080432100000007250?",
      track3: sampleTracks3.magtek,
    },
    "1234",
  ),
  card(
    "idtech-sample",
    "the card of ID TECH's manual (80096504-001); fails the Luhn check",
    {
      track1: "%B4266841088889999^BUSH JR/GEORGE W.MR^0809101100001100000000046000000?",
      track2: ";4266841088889999=080910110000046?",
      track3: sampleTracks3.idtech,
    },
    "4321",
  ),
  card(
    "unionpay-debit",
    "UnionPay test number; service code 220 asks for its six-digit PIN",
    { track1: "%B6224242300000069^TEST CARD/DEBIT^30122200000000000?", track2: ";6224242300000069=30122200000000000?" },
    "123456",
  ),
  card(
    "unionpay-credit",
    "UnionPay test number; service code 201 does not ask for its PIN",
    {
      track1: "%B6224242900000113^TEST CARD/CREDIT^30122010000000000?",
      track2: ";6224242900000113=30122010000000000?",
    },
    "654321",
  ),
  card(
    "unionpay-debit-19",
    "UnionPay debit card with a PAN of 19 digits and track 3 in format 99",
    {
      track2: ";6224242300000000010=30122200000000000?",
      track3: ";996224242300000000010=1561560000000000000003000000000000=000000000000=000000000000=00000000?",
    },
    "111222",
  ),
  card(
    "unionpay-no-expiry",
    "UnionPay debit card with a separator in place of its expiry date",
    { track2: ";6224242300000028==2200000000000?" },
    "222333",
  ),
  card("visa-no-pin", "Visa's test number; service code 101, no PIN", {
    track1: "%B4111111111111111^TEST CARD/VISA^30121010000000000?",
    track2: ";4111111111111111=30121010000000000?",
  }),
  card("mastercard-chip", "Mastercard's test number; service code 201: it has a chip", {
    track1: "%B5555555555554444^TEST CARD/MASTERCARD^30122010000000000?",
    track2: ";5555555555554444=30122010000000000?",
  }),
  card("amex", "American Express' test number, of 15 digits; service code 101, no PIN", {
    track1: "%B378282246310005^TEST CARD/AMEX^30121010000000000?",
    track2: ";378282246310005=30121010000000000?",
  }),
  card("discover", "Discover's test number; service code 101, no PIN", {
    track1: "%B6011111111111117^TEST CARD/DISCOVER^30121010000000000?",
    track2: ";6011111111111117=30121010000000000?",
  }),
  card("jcb", "JCB's test number; service code 101, no PIN", {
    track1: "%B3530111333300000^TEST CARD/JCB^30121010000000000?",
    track2: ";3530111333300000=30121010000000000?",
  }),
];

/** @throws TestCardUnknown */
export function testCard(name: string): TestCard {
  const card = testCards.find((card) => card.name === name);
  if (!card) throw new TestCardUnknown({ detail: testCards.map(({ name }) => name).join(", ") });
  return card;
}
