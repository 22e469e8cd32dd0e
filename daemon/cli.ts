import { access, constants } from "node:fs/promises";
import { SwipewireError } from "@swipewire/protocol/failure";
import { systemRandom } from "@swipewire/protocol/random";
import { type Duration, Minutes, Seconds, systemClock } from "@swipewire/protocol/time";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { type Logger, pino } from "pino";
import type { Tapes } from "./capture/tapes.ts";
import type { DaemonConfig } from "./config/config-schema.ts";
import { loadConfig } from "./config/load-config.ts";
import { type Daemon, type DaemonOptions, startDaemon } from "./daemon.ts";
import { askStatus } from "./doctor/ask-status.ts";
import { examine } from "./doctor/doctor.ts";
import { findingsText } from "./doctor/finding.ts";
import { statusText } from "./doctor/status-text.ts";
import { triedSwipeText, trySwipe } from "./doctor/try-swipe.ts";
import { enrol } from "./enrolment/enrol.ts";
import { CardNotDrawn, ConfigInvalid, DaemonRunning, LocalApiRefused } from "./errors.ts";
import manifest from "./package.json" with { type: "json" };
import { withBuiltIn } from "./readers/profile-match.ts";
import { profileTable } from "./readers/profile-table.ts";
import { ReaderRegistry } from "./readers/reader-registry.ts";
import { systemDevices } from "./readers/system-devices.ts";
import { udevRules } from "./readers/udev-rules.ts";
import { SdNotify } from "./service/sd-notify.ts";
import { Service } from "./service/service.ts";
import { loadIdentity } from "./state/identity.ts";
import { pairingToken } from "./state/pairing-token.ts";
import { type AudioOptions, audioTransport } from "./transports/audio.ts";
import type { ReaderTransport } from "./transports/reader-transport.ts";
import { type SerialOptions, SerialTransport } from "./transports/serial.ts";

/** A terminal whose clock is further off has its messages refused. */
const CLOCK_TOLERANCE = Minutes(0.5);

const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);

function groupName(text: string): string {
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(text)) throw new InvalidArgumentError("Allowed: the name of a group.");
  return text;
}

interface Flags {
  readonly config?: string;
}

const configOf = ({ config: file }: Flags): DaemonConfig =>
  loadConfig({ env: process.env, ...(file !== undefined && { file }) });

async function run(flags: Flags): Promise<void> {
  const logger = pino({ base: null });
  const sdNotify = new SdNotify({ env: process.env, clock: systemClock, logger });
  await Service.run({
    load: () => configOf(flags),
    begin: (config) => begin(config, logger),
    sdNotify,
    signals: process,
    logger,
  });
}

async function begin(config: DaemonConfig, logger: Logger): Promise<Daemon> {
  logger.level = config.log.level;
  const identity = await loadIdentity(config.stateDir);
  return startDaemon({
    config,
    identity,
    ...readersOf(config, logger),
    clock: systemClock,
    random: systemRandom,
    logger,
  });
}

function readersOf(
  config: DaemonConfig,
  logger: Logger,
  tapes?: Tapes,
): Required<Pick<DaemonOptions, "transports">> & Pick<DaemonOptions, "finder"> {
  const serial = (options: SerialOptions) => tapes?.serial(options) ?? new SerialTransport(options);
  const audio = (options: AudioOptions) => tapes?.audio(options) ?? audioTransport(options);
  const clock = systemClock;
  const random = systemRandom;
  const transports = config.readers.map((reader): ReaderTransport => {
    if (reader.transport === "serial") return serial({ ...reader, clock, random });
    const log = logger.child({ part: "readers", reader: reader.name });
    return audio({ ...reader, clock, random, warn: ({ code, message }) => log.warn({ code }, message) });
  });
  const finder = new ReaderRegistry({
    source: tapes?.source(systemDevices) ?? systemDevices,
    profiles: withBuiltIn(config.profiles),
    serial,
    taken: config.readers.flatMap((reader) => (reader.transport === "serial" ? [reader.path] : [])),
    clock,
    random,
    logger: logger.child({ part: "readers" }),
  });
  return { transports, ...(config.findReaders !== false && { finder }) };
}

async function enrolTerminal(flags: Flags & { gateway: string; token: string; name: string }): Promise<void> {
  const { stateDir, certificateKey } = configOf(flags);
  const { identity, serverTime } = await enrol({ ...flags, stateDir, certificateKey });
  await pairingToken(stateDir, systemRandom);
  say(`Enrolled as terminal ${identity.terminal}. Its identity and the pairing token for its page are in ${stateDir}.`);
  const off = Math.round((Date.parse(serverTime) - systemClock.now()) / 1000);
  if (Math.abs(off) * 1000 > CLOCK_TOLERANCE) {
    complain(
      `The clocks differ: this machine's is ${Math.abs(off)} s ${off > 0 ? "behind" : "ahead of"} the gateway's.`,
    );
    complain("The gateway refuses messages that are older or newer than half a minute.");
    complain("Set this machine's clock, best by a time service (NTP), before the daemon runs.");
  }
}

async function showStatus(flags: Flags & { json?: true }): Promise<void> {
  const status = await askStatus(configOf(flags));
  say(flags.json ? JSON.stringify(status) : statusText(status));
}

/** A technician's check: one card, with no gateway and no order. */
async function swipe(flags: Flags & { wait: Duration }): Promise<void> {
  const config = configOf(flags);
  if (await runs(config)) throw new DaemonRunning({ detail: `127.0.0.1:${config.localApi.port}` });
  const logger = pino({ base: null, level: "silent" });
  say(`Draw a card within ${flags.wait / 1000} s.`);
  const swipe = await trySwipe({
    ...readersOf(config, logger),
    clock: systemClock,
    logger,
    patience: flags.wait,
    readerCame: (name) => say(`reader        ${name} is here`),
    misread: ({ message, text }) => complain(`${message} ${text.todo}`),
  });
  if (!swipe) throw new CardNotDrawn();
  say(triedSwipeText(swipe));
}

/** What a reader sends with a test card, as a file for whoever looks into its faults. */
async function capture(
  flags: Flags & { out: string; about?: string; draws: number; wait: Duration; unread?: true },
): Promise<void> {
  const config = configOf(flags);
  if (await runs(config)) throw new DaemonRunning({ detail: `127.0.0.1:${config.localApi.port}` });
  const [{ Tapes }, { takeCapture }, { writeCapture }] = await Promise.all([
    import("./capture/tapes.ts"),
    import("./capture/take-capture.ts"),
    import("./capture/command.ts"),
  ]);
  const logger = pino({ base: null, level: "silent" });
  const tapes = new Tapes({ clock: systemClock, profiles: withBuiltIn(config.profiles) });
  say(`Draw a test card, ${flags.draws === 1 ? "once" : `${flags.draws} times`}, within ${flags.wait / 1000} s.`);
  const captured = await takeCapture({
    ...readersOf(config, logger, tapes),
    tapes,
    clock: systemClock,
    random: systemRandom,
    logger,
    patience: flags.wait,
    draws: flags.draws,
    unread: flags.unread ?? false,
    readerCame: (name) => say(`reader        ${name} is here`),
    misread: ({ message, text }) => complain(`${message} ${text.todo}`),
  });
  if (!captured) throw new CardNotDrawn();
  const { out: file, about } = flags;
  say(await writeCapture(captured, { file, ...(about !== undefined && { about }), clock: systemClock }));
}

/** Sends a capture through this version's decoders. */
async function replay(file: string, { json }: { json?: true }): Promise<void> {
  const { eventsText, replayFile, resultsOf } = await import("./capture/command.ts");
  const events = await replayFile(file, systemRandom);
  if (events.length === 0 || events.some(({ failure }) => failure)) process.exitCode = 1;
  say(json ? JSON.stringify(resultsOf(events), null, 2) : eventsText(events));
}

async function runs(config: DaemonConfig): Promise<boolean> {
  try {
    await askStatus(config);
    return true;
  } catch (error) {
    if (!(error instanceof SwipewireError)) throw error;
    return error instanceof LocalApiRefused;
  }
}

function seconds(text: string): Duration {
  const value = Number(text);
  if (!(value >= 1 && value <= 3600)) throw new InvalidArgumentError("Allowed: 1 to 3600.");
  return Seconds(value);
}

function draws(text: string): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 1 && value <= 20)) throw new InvalidArgumentError("Allowed: 1 to 20.");
  return value;
}

function remark(text: string): string {
  if (!/^[^\p{Cc}\p{Cs}]{1,200}$/u.test(text))
    throw new InvalidArgumentError("Allowed: a line of 1 to 200 characters.");
  if (/\d[\d -]{9,}\d/.test(text)) throw new InvalidArgumentError("A remark holds no card number.");
  return text;
}

const accessTo = (path: string) =>
  access(path, constants.R_OK | constants.W_OK).then(
    () => "allowed" as const,
    (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? "missing" : "forbidden"),
  );

async function doctor(flags: Flags & { json?: true }): Promise<void> {
  const config = configOf(flags);
  const findings = await examine({
    config,
    devices: () => systemDevices.list(),
    profiles: withBuiltIn(config.profiles),
    access: accessTo,
    ...(process.getuid && { user: process.getuid() }),
    loadLibraries: async () => void (await Promise.all([import("node-hid"), import("usb")])),
    clock: systemClock,
    random: systemRandom,
  });
  say(flags.json ? JSON.stringify(findings) : findingsText(findings));
  if (findings.some(({ verdict }) => verdict === "bad")) process.exitCode = 1;
}

/** What went wrong, what it means, what to do: a line each, and no stack trace. */
function fail(error: unknown): void {
  if (error instanceof ConfigInvalid) {
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

/** The command line of `swipewire-daemon`; `argv` as `process.argv` has it. */
export async function main(argv: string[]): Promise<void> {
  const program = new Command("swipewire-daemon")
    .exitOverride()
    .description("A terminal: takes swipes from readers, seals them, and sends them to a Swipewire gateway.")
    .version(manifest.version);
  const config = ["--config <file>", "JSON; otherwise the file that SWIPEWIRE_DAEMON_CONFIG names"] as const;
  program
    .command("run")
    .description("run the terminal until it is told to stop")
    .option(...config)
    .action(run);
  program
    .command("enrol")
    .description("give this terminal its identity")
    .requiredOption("--gateway <url>", "the gateway's https address")
    .requiredOption("--token <token>", "the one-time token that the gateway gave out for this terminal")
    .requiredOption("--name <name>", "what the gateway's people call this terminal")
    .option(...config)
    .action(enrolTerminal);
  program
    .command("status")
    .description("say how the running terminal stands: its readers, its broker, its session")
    .option("--json", "as JSON, for programs")
    .option(...config)
    .action(showStatus);
  program
    .command("swipe")
    .description("take one card from this terminal's readers and show it masked, as a check; nothing is sent")
    .option("--wait <seconds>", "for a card", seconds, Seconds(60))
    .option(...config)
    .action(swipe);
  program
    .command("capture")
    .description("record what a reader sends with a test card, into a file; other cards are refused and wiped")
    .requiredOption("--out <file>", "the file, which must not exist yet")
    .option("--draws <count>", "how many times a card is drawn", draws, 1)
    .option("--about <text>", "for people: what is odd about this reader", remark)
    .option("--unread", "keep also what cannot be read, where it holds no number but a test card's; never sound")
    .option("--wait <seconds>", "for the cards", seconds, Seconds(60))
    .option(...config)
    .action(capture);
  program
    .command("replay")
    .description("send a capture through this version's decoders and show what comes of it, masked; nothing is sent")
    .argument("<file>", "what capture wrote")
    .option("--json", "as JSON, for programs")
    .action(replay);
  program
    .command("doctor")
    .description("look at all that a terminal needs, and say what to do about what is wrong")
    .option("--json", "as JSON, for programs")
    .option(...config)
    .action(doctor);
  program
    .command("udev-rules")
    .description("print udev rules that let a group open the readers that the daemon knows")
    .option("--group <name>", "the group of the daemon's user", groupName, "swipewire")
    .option(...config)
    .action(({ group, ...flags }: Flags & { group: string }) => {
      say(udevRules(group, withBuiltIn(configOf(flags).profiles)));
    });
  program
    .command("profiles")
    .description("check the config's profiles of readers, and list them with the built-in ones")
    .option(...config)
    .action((flags: Flags) => {
      say(profileTable(withBuiltIn(configOf(flags).profiles)));
    });
  await program.parseAsync(argv).catch(fail);
}
