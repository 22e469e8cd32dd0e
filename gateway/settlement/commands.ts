import { type Clock, isoTime } from "@swipewire/protocol/time";
import { type Command, InvalidArgumentError } from "commander";
import type { BatchTotals } from "../acquirer/acquirer.ts";
import { SettlementUnknown } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { type BatchReconciliation, type Reconciliation, reconcile } from "./reconciliation.ts";
import { bankTotals, ourTotals, type SettlementRow } from "./settlement-record.ts";

export interface SettlementCommands<Flags> {
  readonly program: Command;
  /** Adds a command that takes the config's options. */
  readonly command: (parent: Command, name: string, description: string) => Command;
  /** Works on the store beside a gateway that may be running. */
  readonly withStore: <T>(flags: Flags, work: (store: Store) => Promise<T>) => Promise<T>;
  readonly timeZone: (flags: Flags) => string;
  readonly clock: Clock;
  readonly say: (line: string) => void;
}

/** `settlement run | list | show` and `reconcile`. */
export function addSettlementCommands<Flags>(around: SettlementCommands<Flags>): void {
  const { program, command, withStore, timeZone, clock, say } = around;

  const settlement = program.command("settlement").description("the batches, and their settlement with the bank");
  command(settlement, "run", "ask the running gateway to close the open batch and settle it").action(
    async (flags: Flags) => {
      await withStore(flags, (store) =>
        store.insertInto("settlement_requests").values({ at: clock.now(), taken_at: null, batch: null }).execute(),
      );
      say("The running gateway closes the open batch within seconds, and settles it with the bank.");
      say("See what becomes of it: swipewire-gateway settlement list");
    },
  );
  command(settlement, "list", "show the batches that were closed, newest first").action(async (flags: Flags) => {
    const rows = await withStore(flags, (store) =>
      store.selectFrom("settlements").selectAll().orderBy("closed_at", "desc").limit(100).execute(),
    );
    say(`${"batch".padEnd(6)}  ${"closed".padEnd(24)}  ${"cause".padEnd(8)}  ${"state".padEnd(9)}  held up by`);
    for (const { batch, closed_at, cause, state, last_error } of rows) {
      const columns = [number(batch), isoTime(closed_at), cause.padEnd(8), state.padEnd(9), last_error ?? "-"];
      say(columns.join("  "));
    }
  });
  command(settlement, "show", "show both sides' totals of a batch, and every transaction in it")
    .argument("<batch>", "its number, as `settlement list` shows it", wholeNumber)
    .action(async (batch: number, flags: Flags) => {
      for (const line of await withStore(flags, (store) => settlementLines(store, batch))) say(line);
    });

  command(program, "reconcile", "compare the ledger with the bank; exit status 1 where they differ")
    .option("--day <day>", "YYYY-MM-DD, where the gateway settles; today unless told", calendarDay)
    .option("--json", "as one JSON object")
    .action(async (flags: Flags & { day?: string; json?: true }) => {
      const { day, json } = flags;
      const report = await withStore(flags, (store) =>
        reconcile(store, { ...(day !== undefined && { day }), timeZone: timeZone(flags), now: clock.now() }),
      );
      if (json) say(JSON.stringify(report));
      else for (const line of reconciliationLines(report)) say(line);
      if (report.differs) process.exitCode = 1;
    });
}

/** @throws SettlementUnknown */
async function settlementLines(store: Store, batch: number): Promise<string[]> {
  const row = await store.selectFrom("settlements").selectAll().where("batch", "=", batch).executeTakeFirst();
  if (!row) throw new SettlementUnknown();
  const transactions = await store
    .selectFrom("bank_transactions")
    .selectAll()
    .where("batch", "=", batch)
    .orderBy("trace")
    .execute();
  return [
    ...headOf(row),
    `${"trace".padEnd(6)}  ${"kind".padEnd(13)}  ${"amount".padStart(12)}  ${"state".padEnd(15)}  payment`,
    ...transactions.map(({ trace, kind, amount, state, payment_id }) =>
      [number(trace), kind.padEnd(13), String(amount).padStart(12), state.padEnd(15), payment_id].join("  "),
    ),
  ];
}

const headOf = (row: SettlementRow): string[] => [
  `batch ${row.batch}: ${row.state} since ${isoTime(row.state_since)}, closed ${isoTime(row.closed_at)} (${row.cause})`,
  ...(row.last_error === null ? [] : [`held up by ${row.last_error}`]),
  `the gateway  ${totalsLine(ourTotals(row))}`,
  `the bank     ${totalsLine(bankTotals(row))}`,
];

export function reconciliationLines({ day, batches, unfounded, differs }: Reconciliation): string[] {
  return [
    `${day}: ${differs ? "ledger and bank DIFFER" : "ledger and bank agree"}`,
    ...batches.flatMap(batchLines),
    ...unfounded.map(
      ({ transfer, amount, currency }) => `booked without the bank's approval: ${transfer}, ${amount} ${currency}`,
    ),
  ];
}

const batchLines = ({ batch, state, waitsFor, ledger, records, bank, differs, undecided }: BatchReconciliation) => [
  `batch ${batch}: ${state}${waitsFor === null ? "" : `, held up by ${waitsFor}`}${differs ? ", DIFFERS" : ""}`,
  `  ledger    ${totalsLine(ledger)}`,
  `  approved  ${totalsLine(records)}`,
  `  bank      ${totalsLine(bank ?? undefined)}`,
  ...undecided.map(
    ({ kind, trace, amount, state: how, payment, since }) =>
      `  open: ${kind} ${number(trace)}, ${amount}, ${how} since ${since}, payment ${payment}`,
  ),
];

const totalsLine = (totals: BatchTotals | undefined): string =>
  totals
    ? `debits ${totals.debitCount} of ${totals.debitAmount}, credits ${totals.creditCount} of ${totals.creditAmount}`
    : "not asked yet";

const number = (value: number) => String(value).padStart(6, "0");

function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("It is a whole number of up to six digits.");
  return Number(text);
}

function calendarDay(text: string): string {
  const at = Date.parse(`${text}T00:00:00Z`);
  const right = /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at) && isoTime(at).startsWith(text);
  if (!right) throw new InvalidArgumentError("It is a day of the calendar, such as 2026-11-30.");
  return text;
}
