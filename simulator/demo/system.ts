import { join } from "node:path";
import type { Daemon } from "@swipewire/daemon/daemon";
import { startDaemon } from "@swipewire/daemon/daemon";
import { enrol } from "@swipewire/daemon/enrolment/enrol";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import type { GatewayConfig } from "@swipewire/gateway/config/config-schema";
import { type Gateway, startGateway } from "@swipewire/gateway/gateway";
import { makeKeyFile } from "@swipewire/gateway/keys/open-keys";
import type { Random } from "@swipewire/protocol/random";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import type { Clock } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { type Bank, startBank } from "../bank/bank.ts";
import type { BankCard } from "../bank/books.ts";
import { testCards } from "../cards/test-cards.ts";
import { type Phones, startPhones } from "../phone/phones.ts";
import { PUBLISHED_BDK } from "../readers/published-frames.ts";
import { type Shop, startShop } from "../shop/shop.ts";

const HOST = "127.0.0.1";

/** A terminal master key printed in public test code; every card and key of the simulator is a published one. */
export const TEST_TMK = Uint8Array.from(Buffer.from("44444444444444444444444444444444", "hex"));

export interface SystemOptions {
  /** An empty folder for the gateway's and the terminal's files. */
  readonly folder: string;
  readonly family: FixedFamily;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long the gateway waits for the bank. */
  readonly replySeconds: number;
  /** What the bank knows; the test cards unless told. */
  readonly cards?: readonly BankCard[];
  /** Has a last word on the gateway's config: another broker, another way to the bank. */
  readonly adjust?: (config: GatewayConfig) => GatewayConfig;
}

/** Everything that a terminal needs around it, on loopback ports of this machine. */
export interface Centre {
  readonly bank: Bank;
  readonly phones: Phones;
  readonly shop: Shop;
  readonly gateway: Gateway;
  close(): Promise<void>;
}

/** Everything that a payment needs. */
export interface System extends Centre {
  readonly daemon: Daemon;
  /** The reader's cable: frames delivered here reach the daemon. */
  readonly transport: InProcessTransport;
}

/** Keys that open what the simulator's readers encrypt, and the bank's. */
export const makeTestKeys = (
  { keys, broker }: Pick<GatewayConfig, "keys" | "broker">,
  options: Pick<SystemOptions, "clock" | "random">,
): Promise<void> => {
  if (keys.kind !== "file") throw new TypeError("test keys go into a file");
  return makeKeyFile(keys, options, {
    authority: broker.kind === "embedded" ? broker.tls !== undefined : broker.certificates === true,
    baseDerivationKeys: ["FFFF9876543210", "62994901190000"].map((ksnPrefix) => ({ ksnPrefix, key: PUBLISHED_BDK })),
    terminalMasterKey: TEST_TMK,
  });
};

/** Config of a gateway that finds bank and phones on this machine and keeps its files in `folder`. */
export function gatewayConfig(around: {
  readonly folder: string;
  readonly bankPort: number;
  readonly phonesUrl: string;
  readonly replySeconds: number;
}): GatewayConfig {
  const simulated = { kind: "simulated", url: around.phonesUrl } as const;
  return {
    instance: "gateway",
    http: { host: HOST, port: 0, trustedProxies: [] },
    store: { path: join(around.folder, "gateway.sqlite") },
    keys: { kind: "file", file: join(around.folder, "keys.json"), secretFile: join(around.folder, "keys.secret") },
    broker: { kind: "embedded", host: HOST, port: 0 },
    acquirer: {
      host: HOST,
      port: around.bankPort,
      terminal: "11115007",
      merchant: "123456789111115",
      dialect: "unionpay",
      tpdu: "6000000000",
      header: "603100311003",
      replySeconds: around.replySeconds,
      idleSeconds: 60,
    },
    voice: simulated,
    sms: simulated,
    order: { lifetimeMinutes: 30 },
    log: { level: "info" },
  };
}

export interface TerminalOptions extends Pick<SystemOptions, "family" | "clock" | "random" | "logger"> {
  readonly gatewayUrl: string;
  /** One-time, for the enrolment. */
  readonly token: string;
  readonly stateDir: string;
}

/** Enrols a terminal and starts its daemon, with a reader plugged in. */
export async function startTerminal(options: TerminalOptions): Promise<Pick<System, "daemon" | "transport">> {
  const { gatewayUrl, token, stateDir, family, clock, random, logger } = options;
  const { identity } = await enrol({ gateway: gatewayUrl, token, name: "Terminal 1", stateDir });
  const transport = new InProcessTransport({ family, name: `simulated ${family} reader` });
  const daemon = await startDaemon({
    config: { stateDir, log: { level: "info" }, localApi: { port: 0, allowedOrigins: [] }, readers: [], profiles: [] },
    identity,
    transports: [transport],
    clock,
    random,
    logger,
  });
  transport.connect();
  return { daemon, transport };
}

const same = <T>(value: T): T => value;

/** Starts bank, phones, shop and gateway, and introduces them to each other. */
export async function startCentre(options: Omit<SystemOptions, "family">): Promise<Centre> {
  const { folder, clock, random, logger, replySeconds, cards = testCards, adjust = same } = options;
  const local = { host: HOST, port: 0, clock, random };
  await using starting = new AsyncDisposableStack();

  const bank = await startBank({ ...local, cards, tmk: TEST_TMK, logger: logger.child({ program: "bank" }) });
  starting.defer(() => bank.close());
  const phones = await startPhones({ ...local, logger: logger.child({ program: "phones" }) });
  starting.defer(() => phones.close());
  const shop = await startShop({ ...local, logger: logger.child({ program: "shop" }) });
  starting.defer(() => shop.close());

  const config = adjust(gatewayConfig({ folder, bankPort: bank.port, phonesUrl: phones.url, replySeconds }));
  await makeTestKeys(config, { clock, random });
  const gateway = await startGateway({ config, clock, random, logger: logger.child({ program: "gateway" }) });
  starting.defer(() => gateway.close());
  const account = await gateway.merchants.add({
    memberCode: "demo-shop",
    name: "Demo shop",
    webhookUrl: shop.webhookUrl,
  });
  shop.connect({ gatewayUrl: gateway.httpUrl, ...account });

  const running = starting.move();
  return { bank, phones, shop, gateway, close: () => running.disposeAsync() };
}

/** Starts a centre and a terminal of it. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { folder, family, clock, random, logger } = options;
  await using starting = new AsyncDisposableStack();
  const centre = await startCentre(options);
  starting.defer(() => centre.close());
  const { token } = await centre.gateway.terminals.issueEnrolmentToken();
  const { daemon, transport } = await startTerminal({
    gatewayUrl: centre.gateway.httpUrl,
    token,
    stateDir: join(folder, "terminal"),
    family,
    clock,
    random,
    logger: logger.child({ program: "daemon" }),
  });
  starting.defer(() => daemon.close());
  await centre.gateway.ready;

  const running = starting.move();
  return { ...centre, daemon, transport, close: () => running.disposeAsync() };
}
