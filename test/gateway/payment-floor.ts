import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  Acquirer,
  ChargeRequest,
  LateReply,
  ReversalReply,
  ReversibleKind,
  TransactionIdentity,
  TransactionReply,
} from "@swipewire/gateway/acquirer/acquirer";
import { AcquirerOutcomeUnknown, AcquirerRequestNotSent, AcquirerUnreachable } from "@swipewire/gateway/errors";
import type { KeyCustody } from "@swipewire/gateway/keys/key-custody";
import type { KeyStore } from "@swipewire/gateway/keys/key-store";
import { balance, checkZero, merchantAccount } from "@swipewire/gateway/ledger/ledger";
import { Merchants } from "@swipewire/gateway/merchants/merchants";
import { Outbox } from "@swipewire/gateway/notify/outbox";
import { Orders } from "@swipewire/gateway/orders/orders";
import { PaymentRecords } from "@swipewire/gateway/payments/payment-records";
import { type PaymentNotice, Payments } from "@swipewire/gateway/payments/payments";
import { openStore, type Store } from "@swipewire/gateway/store/store";
import { Terminals } from "@swipewire/gateway/terminals/terminals";
import type { CallEndCause, CallEvent, VoiceChannel } from "@swipewire/gateway/voice/voice-channel";
import type { Swipe } from "@swipewire/protocol/card/swipe";
import { encodePinBlockFormat0 } from "@swipewire/protocol/crypto/pin-block";
import { sealSwipe } from "@swipewire/protocol/envelope/seal";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import { swipeFromFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { Instant } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { exportJWK, generateKeyPair } from "jose";
import { sql } from "kysely";
import { pino } from "pino";
import type { Test } from "tap";
import { seededRandom } from "../seeded-random.ts";
import { SimulatedClock, settle } from "../simulated-clock.ts";
import { testKeys } from "./keys/test-keys.ts";

const BDK = Uint8Array.from(Buffer.from("0123456789ABCDEFFEDCBA9876543210", "hex"));
export const KSN = Uint8Array.from(Buffer.from("FFFF9876543210E00001", "hex"));
export const PHONE = "+8613800000000";

/** What the bank does with a charge; `lost` ones stand on its books without an answer. */
export type BankPlan =
  | "approve"
  | "lost"
  | "lost-on-the-way"
  | "unreachable"
  | "not-sent"
  | "hang"
  | { readonly decline: string };

/** The bank's side as plain books: which charges stand. */
export class BankBooks {
  readonly standing = new Map<string, number>();
  readonly reversed = new Set<string>();

  post({ trace, batch, amount }: TransactionIdentity): void {
    const name = `${batch}/${trace}`;
    if (this.standing.has(name)) throw new Error("two charges under one trace number");
    if (!this.reversed.has(name)) this.standing.set(name, amount);
  }

  /** @returns whether the bank had it */
  undo({ trace, batch }: TransactionIdentity): boolean {
    this.reversed.add(`${batch}/${trace}`);
    return this.standing.delete(`${batch}/${trace}`);
  }

  /** A charge that was overtaken by its reversal, at a bank that carries it out all the same. */
  arriveLate(charge: TransactionIdentity): void {
    this.reversed.delete(`${charge.batch}/${charge.trace}`);
    this.post(charge);
  }

  get total(): number {
    return [...this.standing.values()].reduce((sum, amount) => sum + amount, 0);
  }
}

const notAsked = async (): Promise<never> => {
  throw new Error("nobody asks this bank for that");
};

export class TestBank implements Acquirer {
  ready = true;
  signOns = 1;
  plan: BankPlan = "approve";
  /** Reversals that get no answer before the next one is acknowledged. */
  deafTo = 0;
  readonly charges: ChargeRequest[] = [];
  readonly reversals: { charge: TransactionIdentity; reason: string }[] = [];
  /** The track and PIN block of the last charge, to see what becomes of them. */
  held: { track2: SensitiveBytes; pinBlock: Uint8Array | undefined; pinBlockThen: Uint8Array | undefined } | undefined;
  onCharge: (charge: TransactionIdentity) => Promise<void> = async () => {};
  readonly #books: BankBooks;

  constructor(books: BankBooks) {
    this.#books = books;
  }

  async charge(request: ChargeRequest): Promise<TransactionReply> {
    const { track2, pinBlock } = request;
    this.held = { track2, pinBlock, pinBlockThen: pinBlock?.slice() };
    this.charges.push(request);
    await this.onCharge(request);
    const { plan } = this;
    if (plan === "unreachable") throw new AcquirerUnreachable();
    if (plan === "not-sent") throw new AcquirerRequestNotSent();
    if (plan === "approve" || plan === "lost" || plan === "hang") this.#books.post(request);
    if (plan === "hang") return new Promise(() => {});
    if (plan === "lost" || plan === "lost-on-the-way") throw new AcquirerOutcomeUnknown({ reversalReason: "98" });
    if (plan === "approve") return { kind: "approved", approvalCode: "A1B2C3", retrievalReference: "000000000001" };
    return { kind: "declined", responseCode: plan.decline };
  }

  async reverse(charge: TransactionIdentity, _kind: ReversibleKind, reason: string): Promise<ReversalReply> {
    this.reversals.push({ charge, reason });
    if (this.deafTo > 0) {
      this.deafTo--;
      throw new AcquirerOutcomeUnknown({ reversalReason: "98" });
    }
    return this.#books.undo(charge) ? "undone" : "unknown";
  }

  late: (reply: LateReply) => void = () => {};

  onLateReply(listener: (reply: LateReply) => void): void {
    this.late = listener;
  }

  voidPurchase = notAsked;
  refund = notAsked;
  settle = notAsked;
  uploadParts = () => [];
  uploadSlips = notAsked;
  endUpload = notAsked;

  async close(): Promise<void> {}
}

export class TestVoice implements VoiceChannel {
  readonly calls: { to: string; over: boolean; on: (event: CallEvent) => void }[] = [];

  call(to: string, _prompt: string, on: (event: CallEvent) => void) {
    const call = { to, over: false, on };
    this.calls.push(call);
    return {
      hangup: () => {
        if (call.over) return;
        call.over = true;
        queueMicrotask(() => on({ kind: "ended", cause: "hangup" }));
      },
    };
  }

  answer(): void {
    this.calls.at(-1)?.on({ kind: "answered" });
  }

  type(keys: string): void {
    for (const key of new TextEncoder().encode(keys)) this.calls.at(-1)?.on({ kind: "key", key });
  }

  end(cause: CallEndCause): void {
    const call = this.calls.at(-1);
    if (call) call.over = true;
    call?.on({ kind: "ended", cause });
  }

  async close(): Promise<void> {}
}

/** A key store whose acquirer keys are easy to see through: a PIN block is the clear one, inverted. */
async function openKeys(folder: string, random: Random): Promise<{ keys: KeyStore; custody: KeyCustody }> {
  const { store, custody } = await testKeys(folder, random, { baseDerivationKeys: [{ ksnPrefix: "FFFF", key: BDK }] });
  const keys: KeyStore = {
    list: () => store.list(),
    sealingKeys: () => store.sealingKeys(),
    gatewayKey: () => store.gatewayKey(),
    signSealingKeys: (question) => store.signSealingKeys(question),
    signStatement: (input) => store.signStatement(input),
    authorityKey: () => store.authorityKey(),
    signCertificate: (toBeSigned) => store.signCertificate(toBeSigned),
    decryptEnvelope: (jwe) => store.decryptEnvelope(jwe),
    decryptReaderBlock: (scheme, ksn, ciphertext) => store.decryptReaderBlock(scheme, ksn, ciphertext),
    loadWorkingKeys: () => {},
    encryptPinBlock: (pin, pan) =>
      pin.use((digits) => pan.use((panDigits) => encodePinBlockFormat0(digits, panDigits).map((byte) => byte ^ 0xff))),
    acquirerMac: () => new Uint8Array(8),
    verifyAcquirerMac: () => true,
  };
  return { keys, custody };
}

export interface Kiosk {
  readonly id: string;
  readonly password: string;
  readonly signingKey: Parameters<typeof sealSwipe>[2];
}

/** A gateway's payments with everything around them, on a store that outlives the process that uses it. */
export async function openPaymentFloor({ seed = 1 }: { seed?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-"));
  const path = join(folder, "gateway.sqlite");
  const clock = new SimulatedClock();
  const random = seededRandom(seed);
  const { keys, custody } = await openKeys(folder, seededRandom(seed));
  const books = new BankBooks();
  const log: string[] = [];
  const logger = pino({ level: "trace" }, { write: (line: string) => void log.push(line) });
  const stores: Store[] = [];
  const told: { terminal: string; notice: PaymentNotice }[] = [];
  /** Where notices go beside `told`. */
  const audience = { tell: (_terminal: string, _notice: PaymentNotice): void => {} };

  /** A process that has just started on the store. */
  const startProcess = async ({ instance = "gateway" } = {}) => {
    const store = await openStore(path);
    stores.push(store);
    const orders = new Orders({ store, clock, random });
    const outbox = new Outbox({ store, clock, random, logger, sms: { send: async () => {}, close: async () => {} } });
    const terminals = new Terminals({
      store,
      clock,
      random,
      sealingKeys: () => keys.sealingKeys(),
      mqttUrl: () => "mqtt://127.0.0.1:1883",
    });
    const bank = new TestBank(books);
    const voice = new TestVoice();
    const payments = new Payments({
      store,
      orders,
      outbox,
      keys,
      acquirer: bank,
      voice,
      clock,
      random,
      logger,
      instance,
      signingKey: (terminal) => terminals.signingKey(terminal),
      tell: (terminal, notice) => {
        told.push({ terminal, notice });
        audience.tell(terminal, notice);
      },
    });
    return { store, orders, outbox, terminals, bank, voice, payments, records: new PaymentRecords(store) };
  };

  const first = await startProcess();
  const { merchant } = await new Merchants({ store: first.store, clock, random }).add({
    memberCode: "M-1",
    name: "Tea House",
    webhookUrl: "http://127.0.0.1:9/webhooks",
  });

  const enrolKiosk = async (): Promise<Kiosk> => {
    const { publicKey, privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
    const { token } = await first.terminals.issueEnrolmentToken();
    const { kty, crv, x } = await exportJWK(publicKey);
    const { terminal, mqtt } = await first.terminals.enrol({
      token,
      name: "kiosk",
      signingKey: { kty, crv, x } as PublicJwk,
    });
    return { id: terminal, password: mqtt.password, signingKey: privateKey };
  };
  const kiosk = await enrolKiosk();

  let placed = 0;
  const placeOrder = async (orders: Orders = first.orders) => {
    const orderNumber = `N-${++placed}`;
    const order = { orderNumber, product: "Green tea", amount: 1_250, currency: "CNY" };
    return (await orders.create(merchant, order, `key-${orderNumber}`)).order;
  };

  /** What a terminal sends for a card; each part may be bent. */
  const submission = async (
    order: string,
    options: {
      readonly payment?: string;
      readonly swipeId?: string;
      readonly card?: string;
      readonly swipe?: Swipe;
      readonly family?: FixedFamily;
      readonly ksn?: Uint8Array;
      readonly pin?: boolean;
      readonly phone?: string | undefined;
      readonly by?: Kiosk;
      readonly inNameOf?: string;
      readonly sealedFor?: string;
      readonly at?: Instant;
    } = {},
  ) => {
    const payment = options.payment ?? randomUuid(random);
    const swipe =
      options.swipe ?? swipeOf(options.card ?? "visa-no-pin", options.family ?? "ascii", options.ksn ?? KSN);
    const by = options.by ?? kiosk;
    const pin = options.pin ?? false;
    const phone = "phone" in options ? options.phone : pin ? PHONE : undefined;
    const context = {
      terminal: options.inNameOf ?? by.id,
      swipe: options.swipeId ?? randomUuid(random),
      payment: options.sealedFor ?? payment,
      order,
      pin,
      ...(phone !== undefined && { phone }),
      at: options.at ?? clock.now(),
    };
    const [recipient] = keys.sealingKeys();
    if (!recipient) throw new Error("no sealing key");
    return { payment, sealed: await sealSwipe(swipe, context, by.signingKey, recipient) };
  };

  /** The notices about one payment, as short words: the states, then outcome and reason. */
  const storyOf = (payment: string) =>
    told
      .filter(({ notice }) => notice.body.payment === payment)
      .map(({ notice: { type, body } }) =>
        type === "payment.state" ? body.state : `${body.outcome}${body.reason === undefined ? "" : `: ${body.reason}`}`,
      );

  const lastResult = () => {
    const results = told.map(({ notice }) => notice).filter((notice) => notice.type === "payment.result");
    return results.at(-1)?.body;
  };

  return {
    ...first,
    clock,
    random: random as Random,
    keys,
    custody,
    books,
    log,
    logger,
    told,
    audience,
    merchant,
    kiosk,
    path,
    startProcess,
    enrolKiosk,
    placeOrder,
    submission,
    storyOf,
    lastResult,
    async close() {
      await settle();
      for (const store of stores) await store.destroy().catch(() => {});
      rmSync(folder, { recursive: true });
    },
  };
}

/** The floor, for one test, and what most tests do on it. */
export async function paymentFloor(t: Test) {
  const opened = await openPaymentFloor();
  t.teardown(() => opened.close());
  const submit = async (order: string, options: Parameters<typeof opened.submission>[1] = {}) => {
    const swipe = await opened.submission(order, options);
    await opened.payments.submit(opened.kiosk.id, swipe);
    await settle();
    return swipe.payment;
  };
  const type = async (keys: string) => {
    opened.voice.answer();
    await settle();
    opened.voice.type(keys);
    await settle();
  };
  const bankTransactions = async () =>
    (await opened.store.selectFrom("bank_transactions").select(["trace", "state"]).orderBy("trace").execute()).map(
      ({ trace, state }) => `${trace} ${state}`,
    );
  return { ...opened, submit, type, bankTransactions };
}

/** What must hold whenever nothing is under way: merchants were credited exactly what stands at the bank. */
export async function disagreements(
  { books, merchant }: { books: BankBooks; merchant: string },
  { store }: { store: Store },
): Promise<string[]> {
  await checkZero(store);
  const orders = await store.selectFrom("orders").selectAll().execute();
  const payments = await store.selectFrom("payments").selectAll().execute();
  const paid = orders.filter(({ status }) => status === "paid");
  const approved = payments.filter(({ state }) => state === "approved");
  const total = paid.reduce((sum, { amount }) => sum + amount, 0);
  const credited = await balance(store, merchantAccount(merchant), "CNY");
  return [
    ...(orders.some(({ status }) => status === "paying") ? ["an order is left in mid-payment"] : []),
    ...(approved.length === paid.length ? [] : [`${approved.length} approved payments, ${paid.length} paid orders`]),
    ...(books.total === total ? [] : [`${books.total} stands at the bank, ${total} is paid`]),
    ...(credited === total ? [] : [`${credited} is credited, ${total} is paid`]),
  ];
}

/** From now on no payment can be moved, as on a full disk. */
export async function fillDisk(store: Store): Promise<void> {
  await sql`create trigger if not exists full_disk before update on payments
    begin select raise(fail, 'disk full'); end`.execute(store);
}

export async function freeDisk(store: Store): Promise<void> {
  await sql`drop trigger if exists full_disk`.execute(store);
}

/** The swipe of a test card on a reader of this family. */
export function swipeOf(card: string, family: FixedFamily, ksn: Uint8Array): Swipe {
  const frame = virtualReader(family, { bdk: BDK, ksn }).nextFrame(testCard(card));
  return swipeFromFrame(readerFamilies[family].decode(frame));
}
