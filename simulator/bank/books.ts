import type { Instant } from "@swipewire/protocol/time";

/** A card as its bank knows it. */
export interface BankCard {
  readonly name: string;
  /** ASCII digits. */
  readonly pan: Uint8Array;
  /** ASCII digits. Absent where the card has none. */
  readonly pin?: Uint8Array;
}

/** What identifies a purchase: terminal, batch and trace. */
export interface PurchaseKey {
  /** Field 41. */
  readonly terminal: string;
  /** Field 60.2. */
  readonly batch: string;
  /** Field 11. */
  readonly trace: string;
}

/** Everything that was asked of the bank, in order. Cards stand by name, so that nothing in it is a secret. */
export interface JournalEntry extends PurchaseKey {
  readonly kind: "purchase" | "reversal";
  /** Minor units. */
  readonly amount: number;
  readonly card?: string;
  readonly responseCode: string;
  readonly at: Instant;
}

export interface PostedPurchase {
  readonly amount: number;
  readonly card?: string;
  readonly responseCode: string;
  /** Field 37. */
  readonly retrievalReference: string;
  /** Field 38, of an approved one. */
  readonly approvalCode?: string;
}

interface Purchase extends PostedPurchase {
  readonly state: "standing" | "declined" | "reversed";
}

const WRONG_PINS_ALLOWED = 3;

/** What a bank remembers. Outlives the bank's process: hand the same books to the next one. */
export class Books {
  readonly #cards: readonly BankCard[];
  readonly #journal: JournalEntry[] = [];
  readonly #purchases = new Map<string, Purchase>();
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
    return this.#standing()
      .filter((purchase) => purchase.card === card)
      .reduce((sum, { amount }) => sum + amount, 0);
  }

  /** Minor units over all cards. */
  get totalCharged(): number {
    return this.#standing().reduce((sum, { amount }) => sum + amount, 0);
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

  purchase(key: PurchaseKey): PostedPurchase | undefined {
    return this.#purchases.get(id(key));
  }

  /** Was it undone, or barred before it came? Then it is never carried out again. */
  isReversed(key: PurchaseKey): boolean {
    return this.#barred.has(id(key)) || this.#purchases.get(id(key))?.state === "reversed";
  }

  /** Enters a purchase that was decided on. Approved ones are charged from now on. */
  post(key: PurchaseKey, decided: Pick<JournalEntry, "amount" | "card" | "responseCode">, at: Instant): PostedPurchase {
    const number = String(++this.#references);
    const approved = decided.responseCode === "00";
    const purchase: Purchase = {
      ...decided,
      retrievalReference: number.padStart(12, "0"),
      ...(approved && { approvalCode: number.padStart(6, "0").slice(-6) }),
      state: approved ? "standing" : "declined",
    };
    this.#purchases.set(id(key), purchase);
    this.note("purchase", key, decided, at);
    return purchase;
  }

  /** Enters in the journal alone: a repeat, or what could not be decided on. */
  note(
    kind: JournalEntry["kind"],
    { terminal, batch, trace }: PurchaseKey,
    { amount, card, responseCode }: Pick<JournalEntry, "amount" | "card" | "responseCode">,
    at: Instant,
  ): void {
    const entry = { kind, terminal, batch, trace, amount, ...(card && { card }), responseCode, at };
    this.#journal.push(entry);
    for (const listener of this.#listeners) listener(entry);
  }

  /**
   * Undoes a purchase, any number of times. One that never came is barred from now on.
   * @returns field 39
   */
  reverse(key: PurchaseKey, amount: number, at: Instant): string {
    const purchase = this.#purchases.get(id(key));
    let responseCode = "00";
    if (!purchase) {
      this.#barred.add(id(key));
      responseCode = "25";
    } else if (purchase.amount !== amount) {
      responseCode = "13";
    } else if (purchase.state === "standing") {
      this.#purchases.set(id(key), { ...purchase, state: "reversed" });
    }
    this.note("reversal", key, { amount, responseCode, ...(purchase?.card && { card: purchase.card }) }, at);
    return responseCode;
  }

  #standing(): Purchase[] {
    return [...this.#purchases.values()].filter(({ state }) => state === "standing");
  }
}

const id = ({ terminal, batch, trace }: PurchaseKey) => `${terminal} ${batch} ${trace}`;
const sameBytes = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
