import { type Kysely, sql } from "kysely";

/**
 * What was sent to the bank gets a table of its own: an order can take more than one charge (a PIN that was wrong the first
 * time), and voids and refunds are sent too. Payments get an owner, and can be told to end by others than it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("payments").addColumn("owner", "text").execute();
  await db.schema.alterTable("payments").addColumn("leased_until", "bigint").execute();
  await db.schema.alterTable("payments").addColumn("cancel_cause", "text").execute();
  await db.schema
    .alterTable("payments")
    .addColumn("ruling", "text", (c) => c.check(sql`ruling in ('reversed', 'approved')`))
    .execute();

  await db.schema
    .createTable("bank_transactions")
    .addColumn("batch", "integer", (c) => c.notNull())
    .addColumn("trace", "integer", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("payment_id", "text", (c) => c.notNull().references("payments.id"))
    .addColumn("refund_id", "text")
    .addColumn("amount", "bigint", (c) => c.notNull())
    .addColumn("currency", "text", (c) => c.notNull())
    .addColumn("pin", "integer", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("reversal_reason", "text")
    .addColumn("approval_code", "text")
    .addColumn("retrieval_reference", "text")
    .addColumn("bank_date", "text")
    .addColumn("approved_late", "integer", (c) => c.notNull().defaultTo(0))
    .addColumn("at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("bank_transactions_key", ["batch", "trace"])
    .addCheckConstraint("bank_transactions_kind", sql`kind in ('purchase', 'purchase void', 'refund')`)
    .addCheckConstraint("bank_transactions_refund", sql`(kind = 'purchase') = (refund_id is null)`)
    .addCheckConstraint(
      "bank_transactions_state",
      sql`state in ('sent', 'not-sent', 'approved', 'declined', 'reversing', 'reversed', 'unknown-to-bank')`,
    )
    .addCheckConstraint("bank_transactions_number", sql`trace between 1 and 999999 and batch between 1 and 999999`)
    .execute();
  await db.schema.createIndex("bank_transactions_by_payment").on("bank_transactions").column("payment_id").execute();
  await sql`
    insert into bank_transactions
      (batch, trace, kind, payment_id, amount, currency, pin, state, reversal_reason, approval_code, retrieval_reference, at)
    select batch, trace, 'purchase', id, amount, currency, pin,
      case state
        when 'approved' then 'approved'
        when 'declined' then 'declined'
        when 'reversed' then 'reversed'
        when 'reversing' then 'reversing'
        when 'charging' then 'sent'
        else 'not-sent'
      end,
      reversal_reason, approval_code, retrieval_reference, state_since
    from payments where trace is not null`.execute(db);
}
