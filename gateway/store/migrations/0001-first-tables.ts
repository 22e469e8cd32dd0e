import { type Kysely, sql } from "kysely";

const ORDER_STATES = sql`('payable', 'paying', 'paid', 'expired', 'cancelled')`;
const LIVE_PAYMENT_STATES = sql`('accepted', 'calling', 'collecting', 'charging', 'reversing')`;
const PAYMENT_STATES = sql`('accepted', 'calling', 'collecting', 'charging', 'reversing', 'approved', 'declined', 'failed', 'cancelled', 'reversed')`;
/** What ISO 8583 field 4 holds. */
const AMOUNT = sql`amount between 1 and 999999999999`;

/** The tables of `schema.ts`, with the rules that hold whatever the program does. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("merchants")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("member_code", "text", (c) => c.notNull().unique())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("api_key_hash", "text", (c) => c.notNull().unique())
    .addColumn("webhook_url", "text", (c) => c.notNull())
    .addColumn("webhook_secret", "text", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("orders")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("merchant_id", "text", (c) => c.notNull().references("merchants.id"))
    .addColumn("order_number", "text", (c) => c.notNull())
    .addColumn("product", "text", (c) => c.notNull())
    .addColumn("amount", "bigint", (c) => c.notNull())
    .addColumn("currency", "text", (c) => c.notNull())
    .addColumn("status", "text", (c) => c.notNull())
    .addColumn("pay_token", "text", (c) => c.notNull().unique())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("payable_until", "bigint", (c) => c.notNull())
    .addUniqueConstraint("orders_number", ["merchant_id", "order_number"])
    .addCheckConstraint("orders_amount", AMOUNT)
    .addCheckConstraint("orders_currency", sql`length(currency) = 3`)
    .addCheckConstraint("orders_status", sql`status in ${ORDER_STATES}`)
    .execute();
  await db.schema.createIndex("orders_by_expiry").on("orders").columns(["status", "payable_until"]).execute();

  await db.schema
    .createTable("idempotency_keys")
    .addColumn("merchant_id", "text", (c) => c.notNull().references("merchants.id"))
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("request_hash", "text", (c) => c.notNull())
    .addColumn("order_id", "text", (c) => c.notNull().references("orders.id"))
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("idempotency_keys_key", ["merchant_id", "key"])
    .execute();

  await db.schema
    .createTable("transaction_codes")
    .addColumn("code", "text", (c) => c.notNull())
    .addColumn("order_id", "text", (c) => c.notNull().references("orders.id"))
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("released_at", "bigint")
    .addCheckConstraint("transaction_codes_length", sql`length(code) between 8 and 12`)
    .execute();
  await db.schema
    .createIndex("transaction_codes_live_code")
    .unique()
    .on("transaction_codes")
    .column("code")
    .where(sql.ref("released_at"), "is", null)
    .execute();
  await db.schema
    .createIndex("transaction_codes_live_order")
    .unique()
    .on("transaction_codes")
    .column("order_id")
    .where(sql.ref("released_at"), "is", null)
    .execute();

  await db.schema
    .createTable("terminals")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("signing_key", "text", (c) => c.notNull())
    .addColumn("password_hash", "text", (c) => c.notNull())
    .addColumn("enrolled_at", "bigint", (c) => c.notNull())
    .addColumn("revoked_at", "bigint")
    .execute();

  await db.schema
    .createTable("enrolment_tokens")
    .addColumn("token_hash", "text", (c) => c.primaryKey())
    .addColumn("expires_at", "bigint", (c) => c.notNull())
    .addColumn("used_at", "bigint")
    .execute();

  await db.schema
    .createTable("code_guesses")
    .addColumn("terminal_id", "text", (c) => c.primaryKey().references("terminals.id"))
    .addColumn("misses", "integer", (c) => c.notNull())
    .addColumn("window_from", "bigint", (c) => c.notNull())
    .addColumn("locked_until", "bigint")
    .execute();

  await db.schema
    .createTable("payments")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("order_id", "text", (c) => c.notNull().references("orders.id"))
    .addColumn("terminal_id", "text", (c) => c.notNull().references("terminals.id"))
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("amount", "bigint", (c) => c.notNull())
    .addColumn("currency", "text", (c) => c.notNull())
    .addColumn("masked_pan", "text")
    .addColumn("pin", "integer", (c) => c.notNull())
    .addColumn("phone", "text")
    .addColumn("trace", "integer")
    .addColumn("batch", "integer")
    .addColumn("reversal_reason", "text")
    .addColumn("approval_code", "text")
    .addColumn("retrieval_reference", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("state_since", "bigint", (c) => c.notNull())
    .addCheckConstraint("payments_state", sql`state in ${PAYMENT_STATES}`)
    .addCheckConstraint("payments_amount", AMOUNT)
    .addCheckConstraint("payments_pin", sql`pin in (0, 1)`)
    .addCheckConstraint("payments_trace", sql`trace between 1 and 999999 and batch between 1 and 999999`)
    .addCheckConstraint(
      "payments_charge_is_named",
      sql`state not in ('charging', 'reversing', 'approved', 'declined', 'reversed') or trace is not null`,
    )
    .addCheckConstraint("payments_masked_pan", sql`masked_pan is null or masked_pan like '%*%'`)
    .execute();
  // At most one payment of an order may be under way or approved: an order can't be paid twice.
  await db.schema
    .createIndex("payments_one_of_an_order")
    .unique()
    .on("payments")
    .column("order_id")
    .where(sql<boolean>`state in ${LIVE_PAYMENT_STATES} or state = 'approved'`)
    .execute();
  await db.schema.createIndex("payments_by_state").on("payments").column("state").execute();

  await db.schema
    .createTable("payment_transitions")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("payment_id", "text", (c) => c.notNull().references("payments.id"))
    .addColumn("from_state", "text")
    .addColumn("to_state", "text", (c) => c.notNull())
    .addColumn("cause", "text", (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addCheckConstraint("payment_transitions_to", sql`to_state in ${PAYMENT_STATES}`)
    .execute();
  await appendOnly(db, "payment_transitions");

  await db.schema
    .createTable("refused_payments")
    .addColumn("terminal_id", "text", (c) => c.notNull().references("terminals.id"))
    .addColumn("payment_id", "text", (c) => c.notNull())
    .addColumn("code", "text", (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("refused_payments_once", ["terminal_id", "payment_id"])
    .execute();

  await db.schema
    .createTable("seen_swipes")
    .addColumn("swipe_id", "text", (c) => c.primaryKey())
    .addColumn("payment_id", "text", (c) => c.notNull().references("payments.id"))
    .addColumn("at", "bigint", (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("reader_counters")
    .addColumn("initial_ksn", "text", (c) => c.primaryKey())
    .addColumn("counter", "integer", (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("acquirer_sequence")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("next_trace", "integer", (c) => c.notNull())
    .addColumn("batch", "integer", (c) => c.notNull())
    .addCheckConstraint("acquirer_sequence_one_row", sql`id = 1`)
    .addCheckConstraint("acquirer_sequence_trace", sql`next_trace between 1 and 999999 and batch between 1 and 999999`)
    .execute();
  await sql`insert into acquirer_sequence (id, next_trace, batch) values (1, 1, 1)`.execute(db);

  await db.schema
    .createTable("ledger_entries")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("transfer_id", "text", (c) => c.notNull())
    .addColumn("account", "text", (c) => c.notNull())
    .addColumn("amount", "bigint", (c) => c.notNull())
    .addColumn("currency", "text", (c) => c.notNull())
    .addColumn("payment_id", "text", (c) => c.notNull().references("payments.id"))
    .addColumn("at", "bigint", (c) => c.notNull())
    .addUniqueConstraint("ledger_entries_once", ["transfer_id", "account"])
    .addCheckConstraint("ledger_entries_amount", sql`amount <> 0`)
    .execute();
  await db.schema
    .createIndex("ledger_entries_by_account")
    .on("ledger_entries")
    .columns(["account", "currency"])
    .execute();
  await appendOnly(db, "ledger_entries");

  await db.schema
    .createTable("outbox")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("merchant_id", "text", (c) => c.references("merchants.id"))
    .addColumn("payload", "text", (c) => c.notNull())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("attempts", "integer", (c) => c.notNull())
    .addColumn("next_attempt_at", "bigint", (c) => c.notNull())
    .addColumn("done_at", "bigint")
    .addColumn("given_up_at", "bigint")
    .addColumn("last_error", "text")
    .addCheckConstraint(
      "outbox_kind",
      sql`(kind = 'webhook' and merchant_id is not null) or (kind = 'sms' and merchant_id is null)`,
    )
    .execute();
  await db.schema
    .createIndex("outbox_owed")
    .on("outbox")
    .column("next_attempt_at")
    .where(sql<boolean>`done_at is null and given_up_at is null`)
    .execute();
}

/** Refuses to change or remove what a table says happened. SQLite's syntax: PostgreSQL's comes with its store. */
async function appendOnly(db: Kysely<unknown>, table: string): Promise<void> {
  for (const change of ["update", "delete"]) {
    await sql`
      create trigger ${sql.id(`${table}_no_${change}`)} before ${sql.raw(change)} on ${sql.table(table)}
      begin select raise(abort, ${sql.lit(`${table} is append-only`)}); end
    `.execute(db);
  }
}
