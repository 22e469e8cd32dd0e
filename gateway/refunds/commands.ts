import { isoTime } from "@swipewire/protocol/time";
import type { Command } from "commander";
import { RefundUnknown } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { underWayNames } from "./states.ts";

export interface RefundCommands<Flags> {
  readonly program: Command;
  /** Adds a command that takes the config's options. */
  readonly command: (parent: Command, name: string, description: string) => Command;
  /** Works on the store beside a gateway that may be running. */
  readonly withStore: <T>(flags: Flags, work: (store: Store) => Promise<T>) => Promise<T>;
  readonly say: (line: string) => void;
}

/** `refund list | show`. */
export function addRefundCommands<Flags>({ program, command, withStore, say }: RefundCommands<Flags>): void {
  const refund = program.command("refund").description("what merchants give back");
  command(refund, "list", "show the refunds that are under way, newest first")
    .option("--all", "also those that are over")
    .action(async (flags: Flags & { all?: true }) => {
      for (const line of await withStore(flags, (store) => refundLines(store, flags.all === true))) say(line);
    });
  command(refund, "show", "show the whole life of a refund, and what was sent to the bank for it")
    .argument("<id>", "its id, as `refund list` shows it")
    .action(async (id: string, flags: Flags) => {
      for (const line of await withStore(flags, (store) => printRefund(store, id))) say(line);
    });
}

async function refundLines(store: Store, all: boolean): Promise<string[]> {
  const refunds = store.selectFrom("refunds").selectAll().orderBy("created_at", "desc").limit(100);
  const rows = await (all ? refunds : refunds.where("state", "in", underWayNames)).execute();
  return [
    `${"id".padEnd(36)}  ${"since".padEnd(24)}  ${"state".padEnd(9)}  amount`,
    ...rows.map(
      ({ id, state_since, state, amount, currency }) =>
        `${id}  ${isoTime(state_since)}  ${state.padEnd(9)}  ${amount} ${currency}`,
    ),
  ];
}

/** A refund as a person reads it, a line each. @throws RefundUnknown */
export async function printRefund(store: Store, id: string): Promise<string[]> {
  const refund = await store.selectFrom("refunds").selectAll().where("id", "=", id).executeTakeFirst();
  if (!refund) throw new RefundUnknown();
  const { order_id, payment_id, amount, currency, state, reason } = refund;
  const steps = await store
    .selectFrom("refund_transitions")
    .selectAll()
    .where("refund_id", "=", id)
    .orderBy("seq")
    .execute();
  const sent = await store
    .selectFrom("bank_transactions")
    .selectAll()
    .where("refund_id", "=", id)
    .orderBy("at")
    .orderBy("trace")
    .execute();
  return [
    `refund   ${id}`,
    `payment  ${payment_id}`,
    `order    ${order_id}`,
    `amount   ${amount} ${currency} (minor units)`,
    `state    ${state}${reason === null ? "" : `, ${reason}`}`,
    "",
    "when                      from       to         cause",
    ...steps.map(
      ({ from_state, to_state, cause, at }) =>
        `${isoTime(at)}  ${(from_state ?? "-").padEnd(9)}  ${to_state.padEnd(9)}  ${cause}`,
    ),
    ...(sent.length === 0 ? [] : ["", "when                      batch   trace   sent           at the bank"]),
    ...sent.map(
      ({ at, batch, trace, kind, state, retrieval_reference }) =>
        `${isoTime(at)}  ${six(batch)}  ${six(trace)}  ${kind.padEnd(13)}  ${state}${retrieval_reference === null ? "" : `, reference ${retrieval_reference}`}`,
    ),
  ];
}

const six = (number: number) => String(number).padStart(6, "0");
