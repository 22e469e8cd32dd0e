import type { Kysely } from "kysely";

/** The certificates that terminals were given. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("certificates")
    .addColumn("serial", "text", (c) => c.primaryKey())
    .addColumn("terminal_id", "text", (c) => c.notNull().references("terminals.id"))
    .addColumn("issued_at", "bigint", (c) => c.notNull())
    .addColumn("expires_at", "bigint", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("certificates_of_terminal").on("certificates").column("terminal_id").execute();
}
