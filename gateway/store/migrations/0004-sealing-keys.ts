import type { Kysely } from "kysely";

/** Which envelope key each terminal seals to, as far as it has told. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("terminals").addColumn("seals_to", "text").execute();
}
