import { CurrencyUnsupported } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { compileDialect } from "./codec.ts";
import type { FieldsOf, Message } from "./dialect.ts";
import { unionPay } from "./dialects/unionpay.ts";

export const unionPayCodec = compileDialect(unionPay);
export type UnionPayMessage = Message<typeof unionPay>;
export type UnionPayFields = FieldsOf<typeof unionPay>;

/** Makes field 64 of the bytes it covers. */
export type MacMaker = (covered: Uint8Array) => Uint8Array;

/** How a terminal is known to its bank. */
export interface PosTerminal {
  /** 10 digits: 60, destination, source. */
  readonly tpdu: string;
  /** 12 digits. */
  readonly header: string;
  /** Field 41, 8 characters. */
  readonly terminal: string;
  /** Field 42, 15 characters. */
  readonly merchant: string;
}

/** What a purchase and its reversal have in common. */
export interface PurchaseIdentity {
  /** Field 11, 1 to 999999. */
  readonly trace: number;
  /** Field 60.2, 1 to 999999. */
  readonly batch: number;
  /** Minor units, up to twelve digits. */
  readonly amount: number;
  /** ISO 4217 alphabetic. */
  readonly currency: string;
  /** Was a PIN entered? */
  readonly pin: boolean;
}

export interface Purchase extends PurchaseIdentity {
  /** ASCII, start to end sentinel, without LRC. */
  readonly track2: SensitiveBytes;
  readonly track3?: SensitiveBytes;
  /** 8 bytes under the PIN working key; present exactly when `pin`. */
  readonly pinBlock?: Uint8Array;
}

/** Field 60.3. */
const NETWORK_CODE = { none: "000", signOnDoubleLength: "003", echo: "301" } as const;
/** Field 60.1 and 60.2 of messages about the network itself. */
const NO_TRANSACTION = "00000000";
/** Field 60.1. */
const PURCHASE = "22";
/** Field 22: magnetic stripe, and whether a PIN can be (1) or is not (2) entered. */
const ENTRY_MODE = { withPin: "021", withoutPin: "022" } as const;
/** ISO 9564-1: no PIN is longer. */
const LONGEST_PIN = "12";
/** Field 53: PIN block with the PAN (2), double-length TDES (6), tracks not encrypted (0). */
const PIN_SECURITY = "2600000000000000";
/** Field 63 of a sign-on: the operator. */
const OPERATOR = Uint8Array.of(0x30, 0x31, 0x20);

/** ISO 4217 numeric codes of what UnionPay terminals here charge in; another currency is another row. */
const CURRENCY_CODES: ReadonlyMap<string, string> = new Map([["CNY", "156"]]);

/** ISO 4217 alphabetic codes of the currencies that can be charged. */
export const CURRENCIES: ReadonlySet<string> = new Set(CURRENCY_CODES.keys());

const six = (number: number) => String(number).padStart(6, "0");

function message(pos: PosTerminal, mti: string, fields: UnionPayFields): UnionPayMessage {
  const { tpdu, header, terminal, merchant } = pos;
  return { tpdu, header, mti, fields: { ...fields, 41: terminal, 42: merchant } };
}

/** 0800: asks for working keys. Carries no MAC: there may be no key yet. */
export const signOnRequest = (pos: PosTerminal, trace: number): UnionPayMessage =>
  message(pos, "0800", { 11: six(trace), 60: NO_TRANSACTION + NETWORK_CODE.signOnDoubleLength, 63: OPERATOR });

/** 0800: asks whether the bank is there. */
export const echoRequest = (pos: PosTerminal, trace: number): UnionPayMessage =>
  message(pos, "0800", { 11: six(trace), 60: NO_TRANSACTION + NETWORK_CODE.echo });

export const asksToSignOn = ({ mti, fields }: UnionPayMessage): boolean =>
  mti === "0800" && fields[60]?.slice(NO_TRANSACTION.length) === NETWORK_CODE.signOnDoubleLength;

export const asksForEcho = ({ mti, fields }: UnionPayMessage): boolean =>
  mti === "0800" && fields[60]?.slice(NO_TRANSACTION.length) === NETWORK_CODE.echo;

/**
 * 0200, to be built with a MAC. Holds copies of the tracks and the PIN block: wipe it once it is built.
 * @throws CurrencyUnsupported
 */
export function purchaseRequest(pos: PosTerminal, purchase: Purchase): UnionPayMessage {
  const { track2, track3, pinBlock } = purchase;
  return message(pos, "0200", {
    ...purchaseFields(purchase),
    35: withoutSentinels(track2),
    ...(track3 && { 36: withoutSentinels(track3) }),
    ...(pinBlock && { 26: LONGEST_PIN, 52: SensitiveBytes.copyOf(pinBlock), 53: PIN_SECURITY }),
  });
}

/**
 * 0400, to be built with a MAC: names the purchase by its trace, batch and amount. Neither track nor PIN is in it.
 * @param reason field 39: 98 no answer in time, 06 fault of the terminal, A0 the reply's MAC is wrong
 * @throws CurrencyUnsupported
 */
export const reversalRequest = (
  pos: PosTerminal,
  purchase: PurchaseIdentity,
  reason: "98" | "06" | "A0",
): UnionPayMessage => message(pos, "0400", { ...purchaseFields(purchase), 39: reason });

function purchaseFields({ trace, batch, amount, currency, pin }: PurchaseIdentity) {
  const code = CURRENCY_CODES.get(currency);
  if (code === undefined) throw new CurrencyUnsupported();
  return {
    3: "000000",
    4: String(amount).padStart(12, "0"),
    11: six(trace),
    22: pin ? ENTRY_MODE.withPin : ENTRY_MODE.withoutPin,
    25: "00",
    49: code,
    60: PURCHASE + six(batch) + NETWORK_CODE.none,
  };
}

/** Fields that a reply repeats from its request, where that has them. */
const REPEATED = [3, 4, 11, 25, 41, 42, 49, 60] as const;

/** The answer to any request: 0810, 0210, 0410. */
export function replyTo(request: UnionPayMessage, responseCode: string, more: UnionPayFields = {}): UnionPayMessage {
  const { tpdu, header, mti, fields } = request;
  const repeated = Object.fromEntries(REPEATED.map((number) => [number, fields[number]]));
  return {
    // The address swaps destination and source.
    tpdu: tpdu.slice(0, 2) + tpdu.slice(6) + tpdu.slice(2, 6),
    header,
    mti: replyMti(mti),
    fields: { ...repeated, ...more, 39: responseCode },
  };
}

/** ISO 8583-1:1987 4.1: the third digit of the reply is one more. */
export const replyMti = (mti: string): string => `${mti.slice(0, 2)}10`;

/** Field 60.2, the batch of a purchase or reversal. */
export const batchOf = ({ fields }: UnionPayMessage): string => fields[60]?.slice(2, 8) ?? "";

/** Is field 64 of a message what its bytes and the key give? A message without one has no right MAC. */
export function macIsRight(bytes: Uint8Array, { fields }: UnionPayMessage, mac: MacMaker): boolean {
  const given = fields[64];
  if (given === undefined) return false;
  const right = mac(unionPayCodec.macCovered(bytes));
  // Looks at every byte whatever it finds, so that the time taken tells nothing.
  return (
    right.reduce((difference, byte, i) => difference | (byte ^ (given[i] ?? 0)), right.length ^ given.length) === 0
  );
}

const withoutSentinels = (track: SensitiveBytes): SensitiveBytes =>
  track.use((bytes) => SensitiveBytes.copyOf(bytes.subarray(1, -1)));
