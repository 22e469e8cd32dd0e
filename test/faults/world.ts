import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PosAcquirer } from "@swipewire/gateway/acquirer/pos-acquirer";
import { Merchants } from "@swipewire/gateway/merchants/merchants";
import { Outbox } from "@swipewire/gateway/notify/outbox";
import { Orders } from "@swipewire/gateway/orders/orders";
import { type PaymentNotice, Payments } from "@swipewire/gateway/payments/payments";
import { Refunds } from "@swipewire/gateway/refunds/refunds";
import { openStore, type Store } from "@swipewire/gateway/store/store";
import { Terminals } from "@swipewire/gateway/terminals/terminals";
import { sealSwipe } from "@swipewire/protocol/envelope/seal";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { Minutes, Seconds } from "@swipewire/protocol/time";
import { type Bank, openBank } from "@swipewire/simulator/bank/bank";
import { testCard, testCards } from "@swipewire/simulator/cards/test-cards";
import { exportJWK, generateKeyPair } from "jose";
import { pino } from "pino";
import { testKeys } from "../gateway/keys/test-keys.ts";
import { KSN, PHONE, swipeOf } from "../gateway/payment-floor.ts";
import { seededRandom } from "../seeded-random.ts";
import { SimulatedClock } from "../simulated-clock.ts";
import { Life } from "./life.ts";
import { Payers } from "./payers.ts";
import { Wire } from "./wire.ts";

const TMK = Uint8Array.from(Buffer.from("CE31B0C2D38034706861B0AE86CE91D0", "hex"));
const PIN_CARD = "unionpay-debit";
const PLAIN_CARD = "visa-no-pin";

const logger = pino({ level: "silent" });

/** What does not differ between histories: keys, and a store with a merchant and a terminal in it. */
export async function foundWorld() {
  // A disk of memory where there is one: what a power cut leaves is not at stake here.
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "swipewire-faults-"));
  const clock = new SimulatedClock();
  const random = seededRandom(0);
  const { store: keys } = await testKeys(folder, random, { terminalMasterKey: TMK });
  const template = join(folder, "template.sqlite");
  const store = await openStore(template);
  const { merchant } = await new Merchants({ store, clock, random }).add({
    memberCode: "M-1",
    name: "Tea House",
    webhookUrl: "http://127.0.0.1:9/webhooks",
  });
  const { publicKey, privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
  const terminals = new Terminals({ store, clock, random, sealingKeys: () => [], mqttUrl: () => "" });
  const { kty, crv, x } = await exportJWK(publicKey);
  const { token } = await terminals.issueEnrolmentToken();
  const { terminal } = await terminals.enrol({ token, name: "kiosk", signingKey: { kty, crv, x } as PublicJwk });
  await store.destroy();
  return {
    folder,
    template,
    merchant,
    terminal,
    signingKey: privateKey,
    keys,
    close: () => rmSync(folder, { recursive: true }),
  };
}
export type Foundation = Awaited<ReturnType<typeof foundWorld>>;

export interface GatewayProcess {
  readonly life: Life;
  readonly store: Store;
  readonly orders: Orders;
  readonly payments: Payments;
  readonly refunds: Refunds;
  /** Ends it as a process is told to. */
  stop(): Promise<void>;
}

/** Bank, payers, a terminal and a merchant around one gateway at a time, all in one simulated time. */
export class World {
  readonly clock = new SimulatedClock();
  readonly random: Random;
  readonly wire: Wire;
  readonly payers: Payers;
  readonly told: PaymentNotice[] = [];
  readonly #foundation: Foundation;
  readonly #path: string;
  readonly #bank: Bank;
  #placed = 0;

  static async open(foundation: Foundation, name: string): Promise<World> {
    const clock = new SimulatedClock();
    const bank = openBank({ cards: testCards, tmk: TMK, clock, random: seededRandom(1), logger });
    return new World(foundation, name, clock, bank);
  }

  private constructor(foundation: Foundation, name: string, clock: SimulatedClock, bank: Bank) {
    this.clock = clock;
    this.random = seededRandom(2);
    this.#foundation = foundation;
    this.#path = join(foundation.folder, `${name}.sqlite`);
    this.#bank = bank;
    this.wire = new Wire(clock, (connection) => bank.serve(connection));
    const pin = new TextDecoder().decode(testCard(PIN_CARD).pin);
    this.payers = new Payers(clock, pin);
    copyFileSync(foundation.template, this.#path);
  }

  get books() {
    return this.#bank.books;
  }

  get merchant(): string {
    return this.#foundation.merchant;
  }

  get terminal(): string {
    return this.#foundation.terminal;
  }

  /** A gateway that has just been started; what its predecessor left is settled first. */
  async start({ endsAfter }: { endsAfter?: number | undefined } = {}): Promise<GatewayProcess> {
    const { keys } = this.#foundation;
    const raw = await openStore(this.#path);
    const life: Life = new Life(() => {
      line?.destroy();
      void raw.destroy();
    });
    let line: ReturnType<Wire["dial"]> | undefined;
    const clock = life.clock(this.clock);
    const store = raw.withPlugin(life.store());
    const { random } = this;
    const acquirer = new PosAcquirer({
      dial: () => {
        line = this.wire.dial();
        return line;
      },
      tpdu: "6000030000",
      header: "603100310100",
      terminal: "10016919",
      merchant: "84329004582000B",
      keys,
      clock,
      random,
      logger,
      replyTimeout: Seconds(60),
      idleAfter: Seconds(600),
    });
    const orders = new Orders({ store, clock, random, lifetime: Minutes(45) });
    const outbox = new Outbox({ store, clock, random, logger, sms: { send: async () => {}, close: async () => {} } });
    const terminals = new Terminals({ store, clock, random, sealingKeys: () => keys.sealingKeys(), mqttUrl: () => "" });
    const mortal = life.around(acquirer, ["charge", "reverse", "voidPurchase", "refund"]);
    const refunds = new Refunds({ store, outbox, acquirer: mortal, clock, random, logger });
    const payments = new Payments({
      store,
      orders,
      outbox,
      keys: life.around(keys, ["decryptEnvelope"]),
      acquirer: mortal,
      voice: this.payers.channel(() => life.alive),
      clock,
      random,
      logger,
      instance: "gateway",
      signingKey: (terminal) => terminals.signingKey(terminal),
      tell: (_terminal, notice) => void this.told.push(notice),
    });
    if (endsAfter !== undefined) life.endAfter(endsAfter);
    await Promise.race([payments.recover().then(() => refunds.recover()), life.ended]);
    return {
      life,
      store: raw,
      orders,
      payments,
      refunds,
      stop: async () => {
        const closed = Promise.all([payments.close(), refunds.close()]).then(() => acquirer.close());
        await Promise.race([closed, life.ended]);
        life.end();
      },
    };
  }

  /** @param amount minor units */
  async placeOrder({ orders, life }: GatewayProcess, amount: number): Promise<string | undefined> {
    const orderNumber = `N-${++this.#placed}`;
    const order = { orderNumber, product: "Green tea", amount, currency: "CNY" };
    const placing = orders.create(this.merchant, order, `key-${orderNumber}`);
    return (await Promise.race([placing, life.ended]))?.order.order;
  }

  /** What a terminal sends for a card. */
  async swipe(order: string, { pin }: { pin: boolean }) {
    const payment = randomUuid(this.random);
    const context = {
      terminal: this.terminal,
      swipe: randomUuid(this.random),
      payment,
      order,
      pin,
      ...(pin && { phone: PHONE }),
      at: this.clock.now(),
    };
    const [recipient] = this.#foundation.keys.sealingKeys();
    if (!recipient) throw new Error("no sealing key");
    const swipe = swipeOf(pin ? PIN_CARD : PLAIN_CARD, "ascii", KSN);
    return { payment, sealed: await sealSwipe(swipe, context, this.#foundation.signingKey, recipient) };
  }

  async close(): Promise<void> {
    await this.#bank.close();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${this.#path}${suffix}`, { force: true });
  }
}
