import { SwipewireError } from "@swipewire/protocol/failure";
import { systemRandom } from "@swipewire/protocol/random";
import { isoTime, systemClock } from "@swipewire/protocol/time";
import { Command, CommanderError, Option } from "commander";
import { pino } from "pino";
import { addCertificateCommands } from "./certificates/commands.ts";
import type { GatewayConfig } from "./config/config-schema.ts";
import { makeDataDirectory } from "./config/data-directory.ts";
import { CONFIG_FILE_VARIABLE, readConfig } from "./config/read-config.ts";
import { GatewayConfigInvalid } from "./errors.ts";
import { thumbprintCheckValue } from "./keys/check-value.ts";
import { addKeyCommands } from "./keys/command.ts";
import { openKeys } from "./keys/open-keys.ts";
import { Merchants } from "./merchants/merchants.ts";
import manifest from "./package.json" with { type: "json" };
import { PaymentRecords, printPayment } from "./payments/payment-records.ts";
import { addRefundCommands } from "./refunds/commands.ts";
import { addSettlementCommands } from "./settlement/commands.ts";
import { DEFAULT_TIME_ZONE } from "./settlement/daily-time.ts";
import { openStore, type Store } from "./store/store.ts";
import { Terminals } from "./terminals/terminals.ts";

const clock = systemClock;
const random = systemRandom;

const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);

interface Flags {
  readonly config: string;
}

const configOf = ({ config: file }: Flags): GatewayConfig => readConfig({ file, environment: process.env });

async function run(flags: Flags): Promise<void> {
  const config = configOf(flags);
  // Loaded here, for the other commands need little of it.
  const { startGateway } = await import("./gateway.ts");
  const logger = pino({ level: config.log.level, base: null });
  const gateway = await startGateway({ config, clock, random, logger });
  const stop = (signal: NodeJS.Signals) => {
    // A second signal ends the process at once, as it would without this.
    process.off("SIGTERM", stop).off("SIGINT", stop);
    logger.info({ signal }, "gateway stopping");
    gateway.close().then(() => logger.info("gateway stopped"), fail);
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
}

/** Works on the store beside a gateway that may be running. */
async function withStore<T>({ store: { path } }: GatewayConfig, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(path);
  try {
    return await work(store);
  } finally {
    await store.destroy();
  }
}

async function addMerchant(flags: Flags & { code: string; name: string; webhook: string }): Promise<void> {
  const { merchant, apiKey, webhookSecret } = await withStore(configOf(flags), (store) =>
    new Merchants({ store, clock, random }).add({
      memberCode: flags.code,
      name: flags.name,
      webhookUrl: flags.webhook,
    }),
  );
  say(`merchant        ${merchant}`);
  say(`API key         ${apiKey}`);
  say(`webhook secret  ${webhookSecret}`);
  say("Neither is shown again: give both to the merchant by a safe way.");
}

/** Without keys and broker, which only an enrolment itself needs. */
const withTerminals = <T>(config: GatewayConfig, work: (terminals: Terminals) => Promise<T>): Promise<T> =>
  withStore(config, (store) => work(new Terminals({ store, clock, random, sealingKeys: () => [], mqttUrl: () => "" })));

async function issueTerminalToken(flags: Flags): Promise<void> {
  const config = configOf(flags);
  const { token, expiresAt } = await withTerminals(config, (terminals) => terminals.issueEnrolmentToken());
  const gateway = config.http.publicUrl ?? `http://${config.http.host}:${config.http.port}`;
  say(`Good for one terminal until ${isoTime(expiresAt)}. On the terminal:`);
  say(`swipewire-daemon enrol --gateway ${gateway} --token ${token} --name <name>`);
}

async function listTerminals(flags: Flags): Promise<void> {
  const rows = await withTerminals(configOf(flags), (terminals) => terminals.list());
  const time = (at: number | null) => (at === null ? "-" : isoTime(at));
  const line = (id: string, times: readonly string[], key: string, name: string) =>
    say([id.padEnd(36), ...times.map((text) => text.padEnd(24)), key.padEnd(8), name].join("  "));
  line("id", ["enrolled", "revoked", "certificate until"], "seals to", "name");
  for (const { terminal, name, enrolledAt, revokedAt, certifiedUntil, sealsTo } of rows) {
    const times = [enrolledAt, revokedAt, certifiedUntil].map(time);
    line(terminal, times, sealsTo === null ? "-" : thumbprintCheckValue(sealsTo), name);
  }
}

async function revokeTerminal(terminal: string, flags: Flags): Promise<void> {
  const config = configOf(flags);
  await withTerminals(config, (terminals) => terminals.revoke(terminal));
  say(`Terminal ${terminal} is revoked, for good: nothing that it sends is acted on any more.`);
  say(
    config.broker.kind === "embedded"
      ? "A running gateway cuts its connection within seconds."
      : "The broker is yours to tell: take its user away, or give it the new list (certificates revoked).",
  );
}

const withPayments = <T>(flags: Flags, work: (records: PaymentRecords) => Promise<T>): Promise<T> =>
  withStore(configOf(flags), (store) => work(new PaymentRecords(store)));

async function listPayments(flags: Flags & { all?: true }): Promise<void> {
  const rows = await withPayments(flags, (records) => records.list({ all: flags.all === true }));
  say(`${"id".padEnd(36)}  ${"since".padEnd(24)}  ${"state".padEnd(10)}  amount`);
  for (const { payment, since, state, amount, currency } of rows) {
    say(`${payment}  ${isoTime(since)}  ${state.padEnd(10)}  ${amount} ${currency}`);
  }
}

async function showPayment(payment: string, flags: Flags): Promise<void> {
  for (const line of await withPayments(flags, (records) => printPayment(records, payment))) say(line);
}

async function settlePayment(payment: string, flags: Flags & { as: "reversed" | "approved" }): Promise<void> {
  await withPayments(flags, (records) => records.rule(payment, flags.as));
  say(`Payment ${payment} will be ${flags.as}, as soon as the running gateway reads it: within a minute.`);
}

async function init(directory: string): Promise<void> {
  const { config, keys, secret } = await makeDataDirectory(directory, { clock, random });
  say(`${config}: the config. Set the bank's address and the terminal's numbers there.`);
  say(`${keys}: the keys, encrypted. Add the bank's and the readers': swipewire-gateway keys --help`);
  say(`${secret}: the passphrase of the keys. Better kept elsewhere: gateway/keys/README.md says where.`);
  say(`Then: swipewire-gateway run --config ${config}`);
}

/** What went wrong, what it means, what to do: a line each, and no stack trace. */
function fail(error: unknown): void {
  if (error instanceof GatewayConfigInvalid) {
    for (const problem of error.problems) complain(problem);
    process.exitCode = 2;
  } else if (error instanceof CommanderError) {
    // It has said what is wrong; help and version are no errors.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof SwipewireError) {
    complain(error.message);
    complain(error.text.means);
    complain(error.text.todo);
    process.exitCode = 1;
  } else {
    throw error;
  }
}

/** The command line of `swipewire-gateway`; `argv` as `process.argv` has it. */
export async function main(argv: string[]): Promise<void> {
  // The database holds webhook secrets: what is made here is its owner's only.
  process.umask(0o077);
  const program = new Command("swipewire-gateway")
    .exitOverride()
    // So that a key's name that begins with -V is a name.
    .enablePositionalOptions()
    .description("The centre of Swipewire: orders, terminals, payments.")
    .version(manifest.version);
  const command = (parent: Command, name: string, description: string) =>
    parent
      .command(name)
      .description(description)
      .option("-c, --config <file>", "the config file", process.env[CONFIG_FILE_VARIABLE] ?? "gateway.json");

  command(program, "run", "run the gateway until it is told to stop (SIGTERM, SIGINT)").action(run);
  program
    .command("init")
    .description("make a directory with an example config and a new sealing key")
    .argument("<directory>")
    .action(init);
  const merchant = program.command("merchant").description("the merchants");
  command(merchant, "add", "add a merchant and show its API key and webhook secret, once")
    .requiredOption("--code <code>", "its member code: 1 to 32 letters, digits or hyphens")
    .requiredOption("--name <name>", "its name, as payers see it")
    .requiredOption("--webhook <url>", "where its server takes webhooks")
    .action(addMerchant);
  const terminal = program.command("terminal").description("the terminals");
  command(terminal, "token", "make a one-time token that enrols a terminal").action(issueTerminalToken);
  command(
    terminal,
    "list",
    "show all terminals: id, when enrolled, when revoked, how long certified, check value of the key it seals to, name",
  ).action(listTerminals);
  command(terminal, "revoke", "shut a terminal out, for good")
    .argument("<id>", "its id, as `terminal list` shows it")
    .action(revokeTerminal);
  addKeyCommands(program, {
    command,
    configOf,
    clock,
    random,
    say,
    input: process.stdin,
    output: process.stderr,
    terminalsNotSealingTo: (config, kid) => withTerminals(config, (terminals) => terminals.sealingToOthers(kid)),
  });

  const payment = program.command("payment").description("the payments");
  command(payment, "list", "show the payments that are under way, newest first")
    .option("--all", "also those that are over")
    .action(listPayments);
  command(payment, "show", "show the whole life of a payment, and what was sent to the bank for it")
    .argument("<id>", "its id, as `payment list` shows it")
    .action(showPayment);
  command(payment, "settle", "end a reversal that the bank does not acknowledge, once it is known what the bank did")
    .argument("<id>", "its id, as `payment list` shows it")
    .addOption(
      new Option("--as <outcome>", "whether the charge stands at the bank (approved) or not (reversed)")
        .choices(["reversed", "approved"])
        .makeOptionMandatory(),
    )
    .action(settlePayment);

  addRefundCommands<Flags>({
    program,
    command,
    withStore: (flags, work) => withStore(configOf(flags), work),
    say,
  });

  addCertificateCommands<Flags>({
    program,
    command,
    withStore: (flags, work) => withStore(configOf(flags), work),
    openKeys: (flags) => openKeys(configOf(flags).keys, { clock, random }),
    clock,
    random,
    say,
  });
  addSettlementCommands<Flags>({
    program,
    command,
    withStore: (flags, work) => withStore(configOf(flags), work),
    timeZone: (flags) => configOf(flags).settlement?.timeZone ?? DEFAULT_TIME_ZONE,
    clock,
    say,
  });

  try {
    await program.parseAsync(argv);
  } catch (error) {
    fail(error);
  }
}
