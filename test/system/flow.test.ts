import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { balance, checkZero } from "@swipewire/gateway/ledger/ledger";
import { Millis } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { type PaymentEnd, pay, type Visit } from "@swipewire/simulator/demo/payment";
import { type StepReport, stepNames } from "@swipewire/simulator/demo/steps";
import { type System, startSystem } from "@swipewire/simulator/demo/system";
import { PUBLISHED_BDK, publishedFrames } from "@swipewire/simulator/readers/published-frames";
import { type VirtualReader, virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";
import { findSecret } from "./secrets.ts";
import { clock, emptyFolder, PHONE, random, recordingLogger } from "./stage.ts";
import { tapWire } from "./wire-tap.ts";

type Family = "magtek-magnesafe" | "idtech" | "ascii" | "magtek-sureswipe";

const replaying = (family: Family): VirtualReader =>
  virtualReader(family, {
    bdk: PUBLISHED_BDK,
    ksn: publishedFrames[family]?.ksn ?? new Uint8Array(10),
    replay: true,
  });

/** Long, so that it can't be found by chance in what is random. */
const PIN = "739184026517";
const card = (name: string) => ({ ...testCard(name), pin: new TextEncoder().encode(PIN) });

const visit = (number: number, name: string, changes: Partial<Visit> = {}): Visit => ({
  card: card(name),
  amount: 10_000,
  orderNumber: `T-${number}`,
  pin: card(name).pin,
  phone: PHONE,
  typing: Millis(1),
  ...changes,
});

for (const [family, name] of [
  ["magtek-magnesafe", "magtek-sample"],
  ["idtech", "idtech-sample"],
  ["ascii", "unionpay-debit-19"],
  ["magtek-sureswipe", "unionpay-no-expiry"],
] as const) {
  t.test(`a card is paid with on a reader of family ${family}`, async (t) => {
    const steps: StepReport[] = [];
    const system = await startSystem({
      folder: await emptyFolder(t),
      family,
      clock,
      random,
      logger: recordingLogger().logger,
      replySeconds: 60,
      cards: [card(name)],
    });
    t.teardown(() => system.close());
    const end = await pay(system, replaying(family), visit(1, name), clock, (step) => steps.push(step));
    t.same(end, { outcome: "approved" });
    t.same(
      steps.map(({ step }) => step),
      Object.keys(stepNames).map(Number),
      "all fourteen steps, in order",
    );
    t.equal(system.bank.books.charged(name), 10_000);
    t.equal(await balance(system.gateway.store, "acquirer", "CNY"), -10_000);
    await checkZero(system.gateway.store);
    t.match(system.shop.events, [{ type: "payment.approved", data: { orderNumber: "T-1", status: "paid" } }]);
    t.match(system.phones.phone(PHONE).inbox, [{ text: /^Paid: CNY 100.00, / }]);
  });
}

t.test("payments that end in other ways leave the order payable, and nothing sensitive anywhere", async (t) => {
  const folder = await emptyFolder(t);
  const { logger, written } = recordingLogger();
  const shown: string[] = [];
  let system: System | undefined;
  const line = await tapWire(() => Number(new URL(system?.gateway.brokerUrl ?? "").port));
  t.teardown(() => line.close());
  system = await startSystem({
    folder,
    family: "magtek-magnesafe",
    clock,
    random,
    logger,
    replySeconds: 1,
    cards: [card("magtek-sample"), card("unionpay-debit")],
    adjust: (config) => ({
      ...config,
      broker: { kind: "embedded", host: "127.0.0.1", port: 0, publicUrl: `mqtt://127.0.0.1:${line.port}` },
    }),
  });
  const { shop, bank, gateway, daemon } = system;
  const reader = replaying("magtek-magnesafe");
  const payer = system;
  daemon.session.onChange((view) => shown.push(JSON.stringify(view)));
  const play = (changes: Visit): Promise<PaymentEnd> =>
    pay(payer, reader, changes, clock, (step) => shown.push(JSON.stringify(step)));

  t.same(await play(visit(1, "magtek-sample")), { outcome: "approved" });
  t.same(await play(visit(2, "unionpay-debit", { amount: 10_051 })), {
    outcome: "declined",
    reason: "insufficient_funds",
  });
  const wrongPin = new TextEncoder().encode("739184026518");
  t.same(await play(visit(3, "unionpay-debit", { pin: wrongPin })), { outcome: "declined", reason: "pin_wrong" });
  t.same(await play(visit(4, "unionpay-debit", { amount: 10_068 })), {
    outcome: "reversed",
    reason: "acquirer_outcome_unknown",
  });
  t.same(await play(visit(5, "unionpay-debit", { amount: 10_066 })), {
    outcome: "reversed",
    reason: "acquirer_outcome_unknown",
  });
  t.equal(bank.books.totalCharged, 10_000, "only the first payment stands");
  t.equal(await balance(gateway.store, "acquirer", "CNY"), -10_000);
  await checkZero(gateway.store);
  t.same(
    shop.events.map(({ data }) => data.status),
    ["paid", "payable", "payable", "payable", "payable"],
  );
  await system.close();

  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  t.ok(files.some(({ name }) => name === "gateway.sqlite"));
  const places: [string, Buffer][] = [
    ["logs", written()],
    ["MQTT", line.recorded()],
    ["the session's views and the demo's lines", Buffer.from(shown.join("\n"))],
    ["webhooks", Buffer.from(JSON.stringify(shop.events))],
    ["SMS", Buffer.from(JSON.stringify(payer.phones.phone(PHONE).inbox))],
    ...files.map(({ parentPath, name }): [string, Buffer] => [name, readFileSync(join(parentPath, name))]),
  ];
  t.ok(line.recorded().includes("swipe.submit"), "the swipes did travel here");
  const secrets = [
    PIN,
    "739184026518",
    "5452300551227189",
    "6224242300000069",
    ";5452300551227189=080432100000007250?",
    "5452300551227189=080432100000007250",
    "080432100000007250",
    ";6224242300000069=30122200000000000?",
  ];
  for (const [place, bytes] of places) {
    for (const secret of secrets) t.same(findSecret(bytes, secret), [], `${secret.slice(0, 4)}… in ${place}`);
  }
});

t.test("the search finds a secret in each of its forms", async (t) => {
  const pan = "5452300551227189";
  const forms = {
    raw: Buffer.from(`x${pan}y`),
    BCD: Buffer.from(pan, "hex"),
    "BCD, one nibble on": Buffer.from(`d${pan}0d0`, "hex"),
    base64: Buffer.from(Buffer.from(`pan=${pan};`).toString("base64")),
    hex: Buffer.from(Buffer.from(`;${pan}=`).toString("hex")),
  };
  for (const [form, bytes] of Object.entries(forms)) t.ok(findSecret(bytes, pan).includes(form), form);
});
