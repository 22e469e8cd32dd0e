import { type Kysely, sql } from "kysely";

/** What of a batch the bank has, and whether both sides' totals were the same. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("settlements").addColumn("balanced", "integer").execute();
  await db.schema
    .alterTable("bank_transactions")
    .addColumn("uploaded", "integer", (c) => c.notNull().defaultTo(0))
    .execute();
  // What its end has to count.
  await sql`
    update bank_transactions set uploaded = 1
    where state = 'approved' and batch in (select batch from settlements where state = 'ending')
  `.execute(db);
}
