import type { SettlementResult, Totals } from "@swipewire/protocol/iso8583/unionpay-settlement";

/** One transaction as the terminal has it in its batch. */
export interface UploadedSlip {
  /** Field 11. */
  readonly trace: string;
  /** Minor units. */
  readonly amount: number;
}

/** What is wrong between the bank's books and a terminal's batch, as traces. */
export interface BatchDifferences {
  /** The terminal has it, the bank has not. */
  readonly notAtBank: readonly string[];
  /** The bank has it, the terminal has not. */
  readonly notAtTerminal: readonly string[];
  readonly otherAmount: readonly string[];
}

/** A terminal's batch, from its settlement on. */
export interface Batch {
  readonly terminal: string;
  /** Field 60.2. */
  readonly batch: string;
  /** `uploading`: the terminal's slips are awaited; `ending`: it balanced, and only its end is. */
  readonly state: "uploading" | "ending" | "settled";
  readonly result: SettlementResult;
  /** What the bank counted when the batch was settled. */
  readonly totals: Totals;
  readonly slips: readonly UploadedSlip[];
  /** After an upload. */
  readonly differences?: BatchDifferences;
}

/** Batches that terminals settled, or are about to. */
export class Batches {
  readonly #batches = new Map<string, Batch>();

  get all(): readonly Batch[] {
    return [...this.#batches.values()];
  }

  get(terminal: string, batch: string): Batch | undefined {
    return this.#batches.get(`${terminal} ${batch}`);
  }

  /** Does it take nothing more? */
  isClosed(terminal: string, batch: string): boolean {
    return isClosed(this.get(terminal, batch));
  }

  /** The batch after the last one that a terminal closed, six digits; undefined before the first. */
  nextAfterClosed(terminal: string): string | undefined {
    const closed = this.all.filter((batch) => batch.terminal === terminal && isClosed(batch));
    if (closed.length === 0) return undefined;
    const last = Math.max(...closed.map(({ batch }) => Number(batch)));
    return String((last % 999_999) + 1).padStart(6, "0");
  }

  put(batch: Batch): void {
    this.#batches.set(`${batch.terminal} ${batch.batch}`, batch);
  }
}

const isClosed = (batch: Batch | undefined): boolean => batch !== undefined && batch.state !== "uploading";
