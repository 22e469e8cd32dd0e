import type { Instant } from "@swipewire/protocol/time";
import { Batches } from "./batches.ts";

/** A card as its bank knows it. */
export interface BankCard {
  readonly name: string;
  /** ASCII digits. */
  readonly pan: Uint8Array;
  /** ASCII digits. Absent where the card has none. */
  readonly pin?: Uint8Array;
  /** Minor units, before anything was charged; {@link OPENING_BALANCE} unless said otherwise. */
  readonly balance?: number;
}

/** Minor units. */
const OPENING_BALANCE = 1_000_000_00;

/** What identifies a transaction: terminal, batch and trace. */
export interface TransactionKey {
  /** Field 41. */
  readonly terminal: string;
  /** Field 60.2. */
  readonly batch: string;
  /** Field 11. */
  readonly trace: string;
}

/** What moves money. */
export type PostedKind = "purchase" | "void" | "refund";

/** Everything that was asked of the bank, in order. Cards stand by name, so that nothing in it is a secret. */
export interface JournalEntry extends TransactionKey {
  readonly kind: PostedKind | "reversal" | "balance" | "settlement" | "upload";
  /** Minor units. */
  readonly amount: number;
  readonly card?: string;
  readonly responseCode: string;
  readonly at: Instant;
}

/** How a transaction was decided on. */
export interface Decision {
  readonly amount: number;
  readonly card?: string;
  readonly responseCode: string;
  /** What a void or refund gives back. */
  readonly original?: TransactionKey;
}

export interface Posted extends Decision {
  readonly kind: PostedKind;
  readonly key: TransactionKey;
  /** Field 37. */
  readonly retrievalReference: string;
  /** Field 38, of an approved one. */
  readonly approvalCode?: string;
  readonly state: "standing" | "declined" | "reversed";
}

const WRONG_PINS_ALLOWED = 3;

/** What a bank remembers. Outlives the bank's process: hand the same books to the next one. */
export class Books {
  readonly batches = new Batches();
  readonly #cards: readonly BankCard[];
  readonly #journal: JournalEntry[] = [];
  readonly #posted = new Map<string, Posted>();
  /** Reversed before they came. */
  readonly #barred = new Set<string>();
  readonly #wrongPins = new Map<string, number>();
  readonly #listeners: ((entry: JournalEntry) => void)[] = [];
  #references = 0;

  constructor(cards: readonly BankCard[]) {
    this.#cards = cards;
  }

  get journal(): readonly JournalEntry[] {
    return this.#journal;
  }

  /** Calls `listener` with every entry, before the terminal is answered. */
  onEntry(listener: (entry: JournalEntry) => void): void {
    this.#listeners.push(listener);
  }

  /** Minor units that the bank holds a card to, by its name. */
  charged(card: string): number {
    return sumOf(this.standing().filter((posted) => posted.card === card));
  }

  /** Minor units over all cards. */
  get totalCharged(): number {
    return sumOf(this.standing());
  }

  /** Minor units that a card has left; below zero when it is overdrawn. */
  balanceOf({ name, balance = OPENING_BALANCE }: BankCard): number {
    return balance - this.charged(name);
  }

  /** @param pan ASCII digits */
  cardOf(pan: Uint8Array): BankCard | undefined {
    return this.#cards.find((card) => sameBytes(card.pan, pan));
  }

  /** Counts wrong PINs in a row. */
  tryPin(card: BankCard, pin: Uint8Array): "right" | "wrong" | "blocked" {
    const wrong = this.#wrongPins.get(card.name) ?? 0;
    if (wrong >= WRONG_PINS_ALLOWED) return "blocked";
    const right = card.pin !== undefined && sameBytes(card.pin, pin);
    this.#wrongPins.set(card.name, right ? 0 : wrong + 1);
    return right ? "right" : "wrong";
  }

  posted(key: TransactionKey): Posted | undefined {
    return this.#posted.get(id(key));
  }

  /** What was approved and not reversed. */
  standing(): Posted[] {
    return [...this.#posted.values()].filter(({ state }) => state === "standing");
  }

  /** Voids and refunds that stand against a purchase. */
  givenBack(purchase: TransactionKey): Posted[] {
    return this.standing().filter(({ original }) => original && id(original) === id(purchase));
  }

  /** Was it undone, or barred before it came? Then it is never carried out again. */
  isReversed(key: TransactionKey): boolean {
    return this.#barred.has(id(key)) || this.posted(key)?.state === "reversed";
  }

  /** Forgets that it was reversed before it came. */
  unbar(key: TransactionKey): void {
    this.#barred.delete(id(key));
  }

  /** Enters what was decided on. Approved transactions count from now on. */
  post(kind: PostedKind, key: TransactionKey, decision: Decision, at: Instant): Posted {
    const number = String(++this.#references);
    const approved = decision.responseCode === "00";
    const posted: Posted = {
      ...decision,
      kind,
      key,
      retrievalReference: number.padStart(12, "0"),
      ...(approved && { approvalCode: number.padStart(6, "0").slice(-6) }),
      state: approved ? "standing" : "declined",
    };
    this.#posted.set(id(key), posted);
    this.note(kind, key, decision, at);
    return posted;
  }

  /** Enters in the journal alone: a repeat, or what could not be decided on. */
  note(
    kind: JournalEntry["kind"],
    { terminal, batch, trace }: TransactionKey,
    { amount, card, responseCode }: Decision,
    at: Instant,
  ): void {
    const entry = { kind, terminal, batch, trace, amount, ...(card && { card }), responseCode, at };
    this.#journal.push(entry);
    for (const listener of this.#listeners) listener(entry);
  }

  /**
   * Undoes a purchase or void, any number of times. One that never came is barred from now on.
   * @returns field 39
   */
  reverse(key: TransactionKey, amount: number, at: Instant): string {
    const posted = this.posted(key);
    const responseCode = this.#reversalCode(posted, amount, key);
    if (!posted) this.#barred.add(id(key));
    else if (responseCode === "00" && posted.state === "standing") {
      this.#posted.set(id(key), { ...posted, state: "reversed" });
    }
    this.note("reversal", key, { amount, responseCode, ...(posted?.card && { card: posted.card }) }, at);
    return responseCode;
  }

  #reversalCode(posted: Posted | undefined, amount: number, key: TransactionKey): string {
    if (!posted) return "25";
    if (posted.amount !== amount) return "13";
    // What was given back already cannot be given back once more.
    return posted.kind === "refund" || this.givenBack(key).length > 0 ? "12" : "00";
  }
}

const sumOf = (standing: readonly Posted[]) =>
  standing.reduce((sum, { kind, amount }) => sum + (kind === "purchase" ? amount : -amount), 0);

const id = ({ terminal, batch, trace }: TransactionKey) => `${terminal} ${batch} ${trace}`;
const sameBytes = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
