import { type Random, randomDigits } from "@swipewire/protocol/random";
import { type Instant, Minutes } from "@swipewire/protocol/time";
import { OrderCodesExhausted } from "../errors.ts";
import type { Transaction } from "../store/store.ts";

/** Of 10 digits, so that 10,000 payable orders leave a guesser a chance of one in a million a try. */
const CODE_DIGITS = 10;
/** Random codes collide rarely: this many in a row means that the numbers have run out. */
const MAX_DRAWS = 32;

/** This many wrong codes of one terminal within `MISS_WINDOW` … */
const MISSES_TO_LOCK = 5;
const MISS_WINDOW = Minutes(10);
/** … shut it out for this long. */
const LOCK_TIME = Minutes(15);

/** The live code of an order; makes one where there is none. */
export async function issueCode(trx: Transaction, orderId: string, random: Random, now: Instant): Promise<string> {
  const live = await trx
    .selectFrom("transaction_codes")
    .select("code")
    .where("order_id", "=", orderId)
    .where("released_at", "is", null)
    .executeTakeFirst();
  if (live) return live.code;
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    const code = randomDigits(random, CODE_DIGITS);
    const { numInsertedOrUpdatedRows } = await trx
      .insertInto("transaction_codes")
      .values({ code, order_id: orderId, created_at: now, released_at: null })
      .onConflict((c) => c.doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows) return code;
  }
  throw new OrderCodesExhausted();
}

/** Frees the codes of orders that are payable no longer. */
export async function releaseCodes(trx: Transaction, orderIds: readonly string[], now: Instant): Promise<void> {
  await trx
    .updateTable("transaction_codes")
    .set({ released_at: now })
    .where("order_id", "in", orderIds)
    .where("released_at", "is", null)
    .execute();
}

/** Is the terminal shut out from entering codes? */
export async function isLockedOut(trx: Transaction, terminalId: string, now: Instant): Promise<boolean> {
  const guesses = await trx
    .selectFrom("code_guesses")
    .select("locked_until")
    .where("terminal_id", "=", terminalId)
    .executeTakeFirst();
  return guesses?.locked_until != null && guesses.locked_until > now;
}

/**
 * Counts a wrong code. A right one does not clear the count: who owns one order could otherwise guess at the others
 * for ever.
 */
export async function countMiss(trx: Transaction, terminalId: string, now: Instant): Promise<void> {
  const before = await trx
    .selectFrom("code_guesses")
    .select(["misses", "window_from"])
    .where("terminal_id", "=", terminalId)
    .executeTakeFirst();
  // A lock outlasts the window, so that the first miss after it begins a new one.
  const goesOn = before !== undefined && before.window_from + MISS_WINDOW > now;
  const misses = goesOn ? before.misses + 1 : 1;
  const counted = {
    misses,
    window_from: goesOn ? before.window_from : now,
    locked_until: misses >= MISSES_TO_LOCK ? now + LOCK_TIME : null,
  };
  await trx
    .insertInto("code_guesses")
    .values({ terminal_id: terminalId, ...counted })
    .onConflict((c) => c.column("terminal_id").doUpdateSet(counted))
    .execute();
}
