import { SwipewireError } from "@swipewire/protocol/failure";
import type { TerminalStatus } from "@swipewire/protocol/messages/terminal-status";
import type { Random } from "@swipewire/protocol/random";
import type { Clock } from "@swipewire/protocol/time";
import type { AudioReader, DaemonConfig } from "../config/config-schema.ts";
import type { TokenPlace } from "../enrolment/token-key.ts";
import { DaemonNotRunning, LocalApiOutOfReach } from "../errors.ts";
import { type KeptCertificate, keptCertificate } from "../state/certificate.ts";
import { type Identity, loadIdentity } from "../state/identity.ts";
import { askStatus } from "./ask-status.ts";
import { checkBrokerCertificate, checkUplink, type UplinkCheck } from "./check-broker.ts";
import { checkOwn } from "./check-certificate.ts";
import { checkClock, clockKept } from "./check-clock.ts";
import { checkDisk, checkFolder } from "./check-disk.ts";
import { checkInputs } from "./check-inputs.ts";
import { checkReaders, type ReaderCheck } from "./check-readers.ts";
import { textOf } from "./code-text.ts";
import type { Finding } from "./finding.ts";

export interface Examination extends Omit<ReaderCheck, "configured"> {
  readonly config: DaemonConfig;
  readonly clock: Clock;
  readonly random: Random;
  /** Who looks, by number; absent where the system has none. */
  readonly user?: number;
}

/** Looks at all that a terminal needs, whether or not its daemon runs. Changes nothing. */
export async function examine({ config, clock, random, user, ...readers }: Examination): Promise<readonly Finding[]> {
  const { stateDir } = config;
  const identity = await looked("identity", () => loadIdentity(stateDir));
  const running = await looked("daemon", () => askStatus(config));
  const kept = await looked("own certificate", () => keptCertificate(stateDir));
  const uplink =
    identity.value &&
    (await lookedAtUplink({ identity: identity.value, kept: kept.value, place: config.certificateKey }, running.value, {
      clock,
      random,
    }));
  return [
    identity.finding ?? { subject: "identity", verdict: "good", says: `enrolled as ${identity.value.terminal}` },
    ...(running.finding ? [notRunning(running.finding, running.error)] : daemonFindings(running.value)),
    ...(kept.finding ? [kept.finding] : []),
    ...(uplink?.findings ?? []),
    ...(await checkReaders({ ...readers, configured: config.readers })),
    ...(running.value ? [] : await checkInputs(config.readers.filter(isAudio), clock)),
    checkClock(await clockKept(), uplink?.clockOffset),
    ...(await checkFolder(stateDir, user)),
    await checkDisk(stateDir),
  ];
}

const isAudio = (reader: DaemonConfig["readers"][number]): reader is AudioReader => reader.transport === "audio";

type Looked<Value> =
  | { readonly value: Value; readonly finding?: undefined; readonly error?: undefined }
  | { readonly value?: undefined; readonly finding: Finding; readonly error: SwipewireError };

async function looked<Value>(subject: string, look: () => Promise<Value>): Promise<Looked<Value>> {
  try {
    return { value: await look() };
  } catch (error) {
    if (!(error instanceof SwipewireError)) throw error;
    return { finding: { subject, verdict: "bad", says: error.message, todo: error.text.todo }, error };
  }
}

/** It is no fault that it does not run when it is looked at before its first start. */
const notRunning = (finding: Finding, error: SwipewireError): Finding =>
  error instanceof DaemonNotRunning || error instanceof LocalApiOutOfReach
    ? { ...finding, verdict: "doubtful" }
    : finding;

const LOOK_UP = "Look the code up in the error table";

function daemonFindings({ version, startedAt, step, readers }: TerminalStatus): Finding[] {
  const says = `version ${version} runs since ${startedAt}, at step ${step}`;
  return [{ subject: "daemon", verdict: "good", says }, ...readers.flatMap(readerFinding)];
}

function readerFinding({ name, problem }: TerminalStatus["readers"][number]): Finding[] {
  if (problem === undefined) return [];
  const text = textOf(problem);
  const says = `${name}: ${text ? `${text.what} (${problem})` : problem}`;
  return [{ subject: "reader", verdict: "bad", says, todo: text?.todo ?? LOOK_UP }];
}

interface Own {
  readonly identity: Identity;
  readonly kept: KeptCertificate | undefined;
  readonly place: TokenPlace | undefined;
}

async function lookedAtUplink(
  { identity, kept, place }: Own,
  running: TerminalStatus | undefined,
  around: { readonly clock: Clock; readonly random: Random },
): Promise<UplinkCheck> {
  const now = around.clock.now();
  const own = checkOwn(kept, { terminal: identity.terminal, place, now });
  const access = { ...identity, certificate: own.shown };
  const certificate = [...own.findings, ...(await checkBrokerCertificate(access, now))];
  if (!running) {
    const uplink = await checkUplink(access, around);
    return { ...uplink, findings: [...uplink.findings, ...certificate] };
  }
  const { broker, gateway, problem, clockOffset } = running.uplink;
  const text = problem === undefined ? undefined : textOf(problem);
  const todo = text?.todo ?? "See that the network is up and the broker runs";
  const says = `not connected (${problem ?? "connecting"})`;
  if (!broker) return { findings: [{ subject: "broker", verdict: "bad", says, todo }, ...certificate] };
  const reached: Finding = { subject: "gateway", verdict: "good", says: "within reach" };
  const missing = { says: "out of reach behind its broker", todo: "Have the gateway's people look after it" };
  return {
    findings: [
      { subject: "broker", verdict: "good", says: "connected" },
      ...certificate,
      gateway ? reached : { ...reached, verdict: "bad", ...missing },
    ],
    ...(clockOffset !== undefined && { clockOffset }),
  };
}
