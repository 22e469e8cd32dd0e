import { CurrencyUnsupported, Iso8583LengthInvalid } from "../errors.ts";
import { compileDialect } from "./codec.ts";
import type { FieldsOf, Message } from "./dialect.ts";
import { unionPay } from "./dialects/unionpay.ts";
import type { PosCodec } from "./pos-dialect.ts";

/*
 * Sources, where UnionPay's own text could not be read: two terminals' programs, github.com/CaoEnXin/LiaoYang_POS
 * (Src/tranproc.c, trancomm.c, globalvar.c) and github.com/Innoverex/pos (Unionpay, network/Net*.java). They agree on MTIs
 * and codes of sign-on, sign-off, echo, settlement and batch upload, and send all of these without field 64.
 */

/** Builds and parses UnionPay's messages. */
export const unionPayCodec = compileDialect(unionPay);
/** A UnionPay message, taken apart. */
export type UnionPayMessage = Message<typeof unionPay>;
/** Its fields, by number. */
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

/** Field 60.3. */
export const NETWORK_CODE = {
  none: "000",
  signOn: { single: "001", double: "003", "double-and-track": "004" },
  signOff: "002",
  settlement: "201",
  batchUploadEnd: "202",
  balancedEnd: "207",
  echo: "301",
} as const;
/** Field 60.1 and 60.2 of messages about the network itself. */
const NO_TRANSACTION = "00000000";
/** Which working keys a sign-on brings: their length, and whether there is one for tracks. */
export type WorkingKeySet = keyof typeof NETWORK_CODE.signOn;

/** Field 63 of sign-on and settlement: the operator. */
export const OPERATOR = Uint8Array.of(0x30, 0x31, 0x20);

/** ISO 4217 numeric codes of what UnionPay terminals here charge in; another currency is another row. */
const CURRENCY_CODES: ReadonlyMap<string, string> = new Map([["CNY", "156"]]);

/** ISO 4217 alphabetic codes of the currencies that can be charged. */
export const CURRENCIES: ReadonlySet<string> = new Set(CURRENCY_CODES.keys());

/** Field 49, ISO 4217 numeric. @param currency ISO 4217 alphabetic @throws CurrencyUnsupported */
export function currencyCode(currency: string): string {
  const code = CURRENCY_CODES.get(currency);
  if (code === undefined) throw new CurrencyUnsupported();
  return code;
}

/** A trace or batch, 1 to 999999, as six digits. @throws Iso8583LengthInvalid for a longer one */
export function six(number: number): string {
  const digits = String(number).padStart(6, "0");
  if (!/^\d{6}$/.test(digits)) throw new Iso8583LengthInvalid({ detail: "trace or batch, not six digits" });
  return digits;
}

/** A message of a terminal: its address and its names, and `fields`. @param mti four digits */
export function messageFrom(pos: PosTerminal, mti: string, fields: UnionPayFields): UnionPayMessage {
  const { tpdu, header, terminal, merchant } = pos;
  return { tpdu, header, mti, fields: { ...fields, 41: terminal, 42: merchant } };
}

/** 0800: asks for working keys. Carries no MAC: there may be no key yet. @throws Iso8583LengthInvalid */
export const signOnRequest = (pos: PosTerminal, trace: number, keys: WorkingKeySet = "double"): UnionPayMessage =>
  messageFrom(pos, "0800", { 11: six(trace), 60: NO_TRANSACTION + NETWORK_CODE.signOn[keys], 63: OPERATOR });

/**
 * 0820: the working keys are used no more. Carries no MAC, as the sign-on. Field 60.2 is zeros here, where both terminals
 * name their batch.
 * @throws Iso8583LengthInvalid
 */
export const signOffRequest = (pos: PosTerminal, trace: number): UnionPayMessage =>
  messageFrom(pos, "0820", { 11: six(trace), 60: NO_TRANSACTION + NETWORK_CODE.signOff });

/**
 * 0820: asks whether the bank is there. Has field 11, which both terminals leave out, since the reply is known by it.
 * @throws Iso8583LengthInvalid
 */
export const echoRequest = (pos: PosTerminal, trace: number): UnionPayMessage =>
  messageFrom(pos, "0820", { 11: six(trace), 60: NO_TRANSACTION + NETWORK_CODE.echo });

/**
 * 0800: asks for parameters or keys that are the acquirer's own.
 * @param networkCode field 60.3, three digits, as the acquirer says
 * @throws Iso8583LengthInvalid
 */
export const downloadRequest = (pos: PosTerminal, trace: number, networkCode: string): UnionPayMessage =>
  messageFrom(pos, "0800", { 11: six(trace), 60: NO_TRANSACTION + networkCode });

/** Which working keys a message asks for, if it asks for any. */
export function asksToSignOn({ mti, fields }: UnionPayMessage): WorkingKeySet | undefined {
  const code = mti === "0800" && fields[60]?.startsWith(NO_TRANSACTION) ? networkCodeOf(fields) : undefined;
  const found = Object.entries(NETWORK_CODE.signOn).find(([, signOn]) => signOn === code);
  return found && (found[0] as WorkingKeySet);
}

/** Is it a sign-off? */
export const asksToSignOff = ({ mti, fields }: UnionPayMessage): boolean =>
  mti === "0820" && networkCodeOf(fields) === NETWORK_CODE.signOff;

/** Does it ask whether the bank is there? */
export const asksForEcho = ({ mti, fields }: UnionPayMessage): boolean =>
  mti === "0820" && networkCodeOf(fields) === NETWORK_CODE.echo;

/** Fields that a reply repeats from its request, where that has them. */
const REPEATED = [3, 4, 11, 25, 41, 42, 49, 60] as const;

/**
 * The answer to any request: 0810 to 0800, 0230 to 0220.
 * @param responseCode field 39, two characters
 * @param more fields that go before those of the request
 */
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

/** ISO 8583-1:1987 4.1: the third digit of the reply is one more. @param mti four digits */
export const replyMti = (mti: string): string => `${mti.slice(0, 2)}${Number(mti[2]) + 1}0`;

/** Field 60.1. */
export const typeOf = ({ fields }: UnionPayMessage): string => fields[60]?.slice(0, 2) ?? "";
/** Field 60.2. */
export const batchOf = ({ fields }: UnionPayMessage): string => fields[60]?.slice(2, 8) ?? "";
/** Field 60.3. */
export const networkCodeOf = (fields: UnionPayFields): string => fields[60]?.slice(8, 11) ?? "";

/**
 * Is field 64 of a message what its bytes and the key give? A message without one has no right MAC.
 * @param codec whose bytes they are
 */
export function macIsRight(
  bytes: Uint8Array,
  { fields }: UnionPayMessage,
  mac: MacMaker,
  codec: Pick<PosCodec, "macCovered"> = unionPayCodec,
): boolean {
  const given = fields[64];
  if (given === undefined) return false;
  const right = mac(codec.macCovered(bytes));
  // Looks at every byte whatever it finds, so that the time taken tells nothing.
  return (
    right.reduce((difference, byte, i) => difference | (byte ^ (given[i] ?? 0)), right.length ^ given.length) === 0
  );
}
