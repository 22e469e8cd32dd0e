import { SensitiveBytes } from "../sensitive-bytes.ts";
import {
  currencyCode,
  messageFrom,
  NETWORK_CODE,
  type PosTerminal,
  six,
  type UnionPayFields,
  type UnionPayMessage,
} from "./unionpay-messages.ts";

interface TransactionRow {
  readonly mti: string;
  /** Field 3. */
  readonly processingCode: string;
  /** Field 25. */
  readonly condition: string;
  /** Field 60.1. */
  readonly type: string;
  /** Is there a 0400 for it? An advice (0220) is repeated until answered instead. */
  readonly reversible: boolean;
  /** Has it an amount, field 4? */
  readonly amount: boolean;
  /** Must the card be there, or may the transaction it follows stand for it? */
  readonly card: "required" | "optional";
  /** What it says of the transaction it follows. */
  readonly original: readonly (keyof Original)[];
}

/** What UnionPay POS terminals can ask for, each told apart by MTI and fields 3, 25 and 60.1. A new one is a new row. */
export const unionPayTransactions = {
  balance: {
    mti: "0200",
    processingCode: "310000",
    condition: "00",
    type: "01",
    reversible: false,
    amount: false,
    card: "required",
    original: [],
  },
  preauth: {
    mti: "0100",
    processingCode: "030000",
    condition: "06",
    type: "10",
    reversible: true,
    amount: true,
    card: "required",
    original: [],
  },
  "preauth void": {
    mti: "0100",
    processingCode: "200000",
    condition: "06",
    type: "11",
    reversible: true,
    amount: true,
    card: "optional",
    original: ["approvalCode", "slip"],
  },
  "preauth completion": {
    mti: "0200",
    processingCode: "000000",
    condition: "06",
    type: "20",
    reversible: true,
    amount: true,
    card: "optional",
    original: ["approvalCode", "slip"],
  },
  "completion void": {
    mti: "0200",
    processingCode: "200000",
    condition: "06",
    type: "21",
    reversible: true,
    amount: true,
    card: "optional",
    original: ["retrievalReference", "approvalCode", "slip"],
  },
  purchase: {
    mti: "0200",
    processingCode: "000000",
    condition: "00",
    type: "22",
    reversible: true,
    amount: true,
    card: "required",
    original: [],
  },
  "purchase void": {
    mti: "0200",
    processingCode: "200000",
    condition: "00",
    type: "23",
    reversible: true,
    amount: true,
    card: "optional",
    original: ["retrievalReference", "slip"],
  },
  refund: {
    mti: "0220",
    processingCode: "200000",
    condition: "00",
    type: "25",
    reversible: false,
    amount: true,
    card: "optional",
    original: ["retrievalReference", "slip"],
  },
  "offline settle": {
    mti: "0220",
    processingCode: "000000",
    condition: "00",
    type: "30",
    reversible: false,
    amount: true,
    card: "required",
    original: ["approvalCode"],
  },
  adjust: {
    mti: "0220",
    processingCode: "000000",
    condition: "00",
    type: "32",
    reversible: false,
    amount: true,
    card: "optional",
    original: ["retrievalReference", "slip"],
  },
  "tip adjust": {
    mti: "0220",
    processingCode: "000000",
    condition: "00",
    type: "34",
    reversible: false,
    amount: true,
    card: "optional",
    original: ["retrievalReference", "slip"],
  },
} as const satisfies Readonly<Record<string, TransactionRow>>;

type Table = typeof unionPayTransactions;
/** What a terminal can ask for. */
export type TransactionName = keyof Table;
/** What a 0400 can undo. */
export type ReversibleTransaction = {
  [N in TransactionName]: Table[N]["reversible"] extends true ? N : never;
}[TransactionName];

/** What the bank said of the transaction that another one follows. */
export interface Original {
  /** Field 37, 12 characters. */
  readonly retrievalReference: string;
  /** Field 38, 6 characters. */
  readonly approvalCode: string;
  /** Field 61: its batch and trace, 1 to 999999, and its date as field 13 gave it, MMDD. */
  readonly slip: { readonly batch: number; readonly trace: number; readonly date: string };
}

/** What a transaction and its reversal have in common. */
export interface TransactionIdentity {
  /** Field 11, 1 to 999999. */
  readonly trace: number;
  /** Field 60.2, 1 to 999999. */
  readonly batch: number;
  /** ISO 4217 alphabetic. */
  readonly currency: string;
  /** Was a PIN entered? */
  readonly pin: boolean;
  /** Goes without a card, as where the track was wiped long ago. */
  readonly cardAbsent?: true;
}

interface Amount {
  /** Minor units, up to twelve digits. */
  readonly amount: number;
}

interface Card {
  readonly cardAbsent?: never;
  /** ASCII, start to end sentinel, without LRC. */
  readonly track2: SensitiveBytes;
  readonly track3?: SensitiveBytes;
  /** 8 bytes under the PIN working key; present exactly when `pin`. */
  readonly pinBlock?: Uint8Array;
}

interface NoCard {
  readonly cardAbsent: true;
  readonly pin: false;
  readonly track2?: never;
  readonly track3?: never;
  readonly pinBlock?: never;
}

type Perhaps<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** All that a transaction's row asks for. */
export type Transaction<N extends TransactionName> = TransactionIdentity &
  (Table[N]["amount"] extends true ? Amount : unknown) &
  (Table[N]["card"] extends "required" ? Card : Card | NoCard) &
  Partial<Original> &
  Pick<Original, Table[N]["original"][number]>;

/** What its reversal needs. */
export type Reversible = TransactionIdentity & Amount;

/** Field 39 of a reversal: 98 no answer in time, 06 fault of the terminal, A0 the reply's MAC is wrong. */
export type ReversalReason = "98" | "06" | "A0";

/** Field 22: how the card was read, and whether a PIN can be (1) or is not (2) entered. */
const ENTRY_MODE = { stripeAndPin: "021", stripe: "022", keyed: "012" } as const;
/** ISO 9564-1: no PIN is longer. */
const LONGEST_PIN = "12";
/** Field 53: PIN block with the PAN (2), double-length TDES (6), tracks not encrypted (0). */
const PIN_SECURITY = "2600000000000000";

/**
 * To be built with a MAC. Holds copies of the tracks and the PIN block: wipe it once it is built.
 * @throws CurrencyUnsupported | Iso8583LengthInvalid
 */
export function transactionRequest<N extends TransactionName>(
  pos: PosTerminal,
  name: N,
  transaction: Transaction<N>,
): UnionPayMessage {
  // Whichever the row asks for.
  const { track2, track3, pinBlock }: Perhaps<Omit<Card, "cardAbsent">> = transaction;
  const { retrievalReference, approvalCode, slip }: Perhaps<Original> = transaction;
  return messageFrom(pos, unionPayTransactions[name].mti, {
    ...identityFields(name, transaction),
    ...(track2 && { 35: withoutSentinels(track2) }),
    ...(track3 && { 36: withoutSentinels(track3) }),
    ...(pinBlock && { 26: LONGEST_PIN, 52: SensitiveBytes.copyOf(pinBlock), 53: PIN_SECURITY }),
    ...(retrievalReference !== undefined && { 37: retrievalReference }),
    ...(approvalCode !== undefined && { 38: approvalCode }),
    ...(slip && { 61: six(slip.batch) + six(slip.trace) + slip.date }),
  });
}

/**
 * 0400, to be built with a MAC: names the transaction by its trace, batch and amount. Neither track nor PIN is in it.
 * @throws CurrencyUnsupported | Iso8583LengthInvalid
 */
export const reversalRequest = (
  pos: PosTerminal,
  name: ReversibleTransaction,
  transaction: Reversible,
  reason: ReversalReason,
): UnionPayMessage => messageFrom(pos, "0400", { ...identityFields(name, transaction), 39: reason });

/** The transaction that a request is, or that a reversal undoes; undefined for anything else. */
export function transactionOf({ mti, fields }: UnionPayMessage): TransactionName | undefined {
  const found = Object.entries(unionPayTransactions).find(
    ([, row]) =>
      (mti === row.mti || (mti === "0400" && row.reversible)) &&
      fields[3] === row.processingCode &&
      fields[25] === row.condition &&
      fields[60]?.slice(0, 2) === row.type,
  );
  return found && (found[0] as TransactionName);
}

/**
 * Fields that a transaction and its reversal, or its slip in a batch upload, agree in.
 * @param networkCode field 60.3
 * @throws CurrencyUnsupported | Iso8583LengthInvalid
 */
export function identityFields(
  name: TransactionName,
  { trace, batch, amount, currency, pin, cardAbsent }: TransactionIdentity & Partial<Amount>,
  networkCode: string = NETWORK_CODE.none,
): UnionPayFields {
  const row: TransactionRow = unionPayTransactions[name];
  const entry = cardAbsent ? ENTRY_MODE.keyed : pin ? ENTRY_MODE.stripeAndPin : ENTRY_MODE.stripe;
  return {
    3: row.processingCode,
    ...(row.amount && amount !== undefined && { 4: String(amount).padStart(12, "0") }),
    11: six(trace),
    22: entry,
    25: row.condition,
    49: currencyCode(currency),
    60: row.type + six(batch) + networkCode,
  };
}

const withoutSentinels = (track: SensitiveBytes): SensitiveBytes =>
  track.use((bytes) => SensitiveBytes.copyOf(bytes.subarray(1, -1)));
