import { open } from "node:fs/promises";
import Database from "better-sqlite3";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  type Transaction as KyselyTransaction,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
} from "kysely";
import { Migrator } from "kysely/migration";
import { StoreNotOpened } from "../errors.ts";
import * as firstTables from "./migrations/0001-first-tables.ts";
import * as bankTransactions from "./migrations/0002-bank-transactions.ts";
import * as refundsAndSettlements from "./migrations/0003-refunds-and-settlements.ts";
import * as sealingKeys from "./migrations/0004-sealing-keys.ts";
import * as batchUploads from "./migrations/0005-batch-uploads.ts";
import * as certificates from "./migrations/0006-certificates.ts";
import type { Tables } from "./schema.ts";

/**
 * The gateway's database. Inside `store.transaction()` use the transaction only: with SQLite's one connection a query on
 * the store itself would wait for the transaction to end, and the transaction for the query.
 */
export type Store = Kysely<Tables>;
export type Transaction = KyselyTransaction<Tables>;

/** In the order of their names, which is the order they run in. A released migration is never edited. */
const migrations = {
  "0001-first-tables": firstTables,
  "0002-bank-transactions": bankTransactions,
  "0003-refunds-and-settlements": refundsAndSettlements,
  "0004-sealing-keys": sealingKeys,
  "0005-batch-uploads": batchUploads,
  "0006-certificates": certificates,
};

/** How long a write waits for another process that holds the file (a command of the CLI beside a running gateway). */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens the database, a new one for its owner only, and brings its tables up to date.
 * @throws StoreNotOpened when the file can't be opened or belongs to a newer release
 */
export async function openStore(path: string | ":memory:"): Promise<Store> {
  let database: Database.Database;
  try {
    // It holds phone numbers and the secrets that webhooks are signed with. SQLite gives its other files the same mode.
    if (path !== ":memory:") await (await open(path, "a", 0o600)).close();
    database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
    database.pragma("journal_mode = WAL");
    // A commit that was answered must outlive a power cut: money hangs on it.
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
  } catch (cause) {
    throw new StoreNotOpened({ detail: path, cause });
  }
  const store = new Kysely<Tables>({ dialect: new ImmediateSqliteDialect({ database }) });
  const migrator = new Migrator({ db: store, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error) {
    await store.destroy();
    throw new StoreNotOpened({ detail: path, cause: error });
  }
  return store;
}

/**
 * Takes the write lock when a transaction begins. A deferred one that first reads and then writes fails at once, busy
 * timeout or not, when another process wrote in between (SQLITE_BUSY_SNAPSHOT).
 */
class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;

  constructor(config: SqliteDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config);
  }
}

class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }
}
