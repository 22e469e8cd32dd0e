import { type Kysely, sql } from "kysely";

/** Money goes back, batches are settled, and an order knows how much of it was given back. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("orders")
    .addColumn("refunded_amount", "bigint", (c) => c.notNull().defaultTo(0))
    .execute();

  await db.schema
    .createTable("refunds")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("order_id", "text", (c) => c.notNull().references("orders.id"))
    .addColumn("payment_id", "text", (c) => c.notNull().references("payments.id"))
    .addColumn("merchant_id", "text", (c) => c.notNull().references("merchants.id"))
    .addColumn("idempotency_key", "text", (c) => c.notNull())
    .addColumn("request_hash", "text", (c) => c.notNull())
    .addColumn("amount", "bigint", (c) => c.notNull())
    .addColumn("currency", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("reason", "text")
    .addColumn("batch", "integer")
    .addColumn("trace", "integer")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("state_since", "bigint", (c) => c.notNull())
    .addUniqueConstraint("refunds_once", ["merchant_id", "idempotency_key"])
    .addCheckConstraint("refunds_amount", sql`amount > 0`)
    .addCheckConstraint("refunds_state", sql`state in ${REFUND_STATES}`)
    .execute();
  await db.schema.createIndex("refunds_by_order").on("refunds").column("order_id").execute();
  await db.schema.createIndex("refunds_by_state").on("refunds").column("state").execute();

  await db.schema
    .createTable("refund_transitions")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("refund_id", "text", (c) => c.notNull().references("refunds.id"))
    .addColumn("from_state", "text")
    .addColumn("to_state", "text", (c) => c.notNull())
    .addColumn("cause", "text", (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addCheckConstraint("refund_transitions_to", sql`to_state in ${REFUND_STATES}`)
    .execute();
  for (const change of ["update", "delete"]) {
    await sql`
      create trigger ${sql.id(`refund_transitions_no_${change}`)} before ${sql.raw(change)} on refund_transitions
      begin select raise(abort, 'refund_transitions is append-only'); end
    `.execute(db);
  }

  await db.schema
    .createTable("settlements")
    .addColumn("batch", "integer", (c) => c.primaryKey())
    .addColumn("currency", "text", (c) => c.notNull())
    .addColumn("cause", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("trace", "integer")
    .addColumn("our_debit_amount", "bigint")
    .addColumn("our_debit_count", "integer")
    .addColumn("our_credit_amount", "bigint")
    .addColumn("our_credit_count", "integer")
    .addColumn("bank_debit_amount", "bigint")
    .addColumn("bank_debit_count", "integer")
    .addColumn("bank_credit_amount", "bigint")
    .addColumn("bank_credit_count", "integer")
    .addColumn("last_error", "text")
    .addColumn("closed_at", "bigint", (c) => c.notNull())
    .addColumn("state_since", "bigint", (c) => c.notNull())
    .addCheckConstraint(
      "settlements_state",
      sql`state in ('closing', 'comparing', 'uploading', 'ending', 'settled', 'different')`,
    )
    .execute();

  await db.schema
    .createTable("settlement_requests")
    .addColumn("id", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addColumn("taken_at", "bigint")
    .addColumn("batch", "integer")
    .execute();
}

const REFUND_STATES = sql`('requested', 'voiding', 'reversing', 'refunding', 'approved', 'declined', 'failed')`;
