import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import type { LinkBody } from "@swipewire/protocol/messages/terminal-link";
import t, { type Test } from "tap";
import { findSecret } from "../system/secrets.ts";
import { PASSWORD, startTerminal } from "./running-terminal.ts";
import { asciiFrame, bytesOf, PAN, TRACK_1, TRACK_2 } from "./test-swipes.ts";

const PHONE = "+8613800138000";

async function begin(t: Test) {
  const reader = new InProcessTransport({ family: "ascii", name: "counter" });
  const terminal = await startTerminal(t, [reader]);
  const { session, gateway, order, until, step } = terminal;

  /** Up to the step in which the submission has been sent. */
  async function pay() {
    await until(({ gateway }) => gateway);
    session.command({ do: "enter-code", code: "12345678" });
    await step("confirm");
    session.command({ do: "confirm" });
    reader.connect();
    reader.deliver(asciiFrame());
    const submitted = gateway.next("swipe.submit");
    session.command({ do: "card", pin: true, phone: PHONE });
    return submitted;
  }
  const result = (payment: string, outcome: "approved" | "declined"): LinkBody<"payment.result"> => ({
    payment,
    order: order.order,
    outcome,
    amount: order.amount,
    currency: order.currency,
    orderPayable: outcome !== "approved",
  });
  return { ...terminal, reader, pay, result };
}

t.test("takes a card from the reader's frame to the result, sealed for the gateway only", async (t) => {
  const { session, gateway, pay, open, terminal, order, result, step, until, log, stateDir, stop } = await begin(t);
  const online = gateway.nextPresence("online");
  const { body } = await pay();
  await online;
  const { context, swipe } = await open(body.sealed);
  t.match(context, { terminal, payment: body.payment, order: order.order, pin: true, phone: PHONE });
  const track2 = swipe.kind === "clear" ? swipe.tracks.find(({ number }) => number === 2) : undefined;
  t.equal(
    track2?.data.use((bytes) => Buffer.from(bytes).toString()),
    TRACK_2,
  );
  await step("paying");
  gateway.send("payment.state", { payment: body.payment, state: "calling" });
  await until(({ progress }) => progress === "calling");
  const acked = gateway.next("ack");
  gateway.send("payment.result", result(body.payment, "approved"));
  t.match(await step("result"), { result: { outcome: "approved", amount: 1250 } });
  await acked;
  session.command({ do: "finish" });

  const offline = gateway.nextPresence("offline");
  await stop();
  await offline;
  t.match(gateway.presence.at(-1), { state: "offline" });

  const disk = readdirSync(stateDir, { recursive: true, encoding: "utf8" });
  t.strictSame(disk, ["pairing-token"]);
  const seen = Buffer.concat([
    Buffer.from(log.text()),
    Buffer.from(JSON.stringify(gateway.heard)),
    Buffer.from(JSON.stringify(gateway.presence)),
    ...disk.map((file) => readFileSync(join(stateDir, file))),
  ]);
  for (const secret of [PAN, TRACK_1, TRACK_2]) t.strictSame(findSecret(seen, secret), []);
  t.notMatch(log.text(), PHONE.slice(1));
  t.notMatch(log.text(), PASSWORD);
  t.notMatch(log.text(), body.sealed.slice(0, 40));
});

t.test("repeats what the broker took and lost, until the gateway itself has it", async (t) => {
  const { broker, gateway, session, until, reader, step } = await begin(t);
  await until(({ gateway }) => gateway);
  session.command({ do: "enter-code", code: "12345678" });
  await step("confirm");
  session.command({ do: "confirm" });
  reader.connect();
  reader.deliver(asciiFrame());
  const lost = broker.loseNext();
  session.command({ do: "card", pin: false });
  await lost;
  const arrived = gateway.next("swipe.submit");
  t.equal(session.view().step, "sending", "the broker's acknowledgement proves nothing");
  await arrived;
  await step("paying");
});

t.test("finds out the truth after the broker died and came back with nothing", async (t) => {
  const { broker, gateway, pay, step, session, result } = await begin(t);
  const { body } = await pay();
  await step("paying");
  await broker.kill();
  t.match(await step("checking"), { gateway: false });
  const asked = gateway.next("payment.query");
  await broker.restart();
  t.equal((await asked).body.payment, body.payment);
  gateway.send("payment.state", { payment: body.payment, state: "charging" });
  t.match(await step("paying"), { progress: "charging" });
  gateway.send("payment.result", result(body.payment, "approved"));
  t.match(await step("result"), { result: { outcome: "approved" } });
  t.notOk(session.view().problem);
});

t.test("a payment that the gateway never heard of was not charged", async (t) => {
  const { broker, gateway, pay, step } = await begin(t);
  gateway.acknowledges.delete("swipe.submit");
  const { body } = await pay();
  await broker.kill();
  const asked = gateway.next("swipe.submit");
  await broker.restart();
  const { id } = await asked;
  gateway.send("refused", { re: id, code: "swipe_replayed" });
  t.match(await step("result"), { result: { outcome: "failed", reason: "swipe_replayed" } });
  t.ok(gateway.heard.every((message) => message.type !== "swipe.submit" || message.body.payment === body.payment));
});

t.test("goes on through broken frames and broken messages, and counts them", async (t) => {
  const { daemon, session, gateway, reader, until, step, log } = await begin(t);
  await until(({ gateway }) => gateway);
  reader.connect();
  session.command({ do: "enter-code", code: "12345678" });
  await step("confirm");
  session.command({ do: "confirm" });
  reader.deliver(bytesOf(TRACK_2.slice(1)));
  t.match(session.view(), { step: "swipe", problem: { code: "reader_frame_start" } });
  gateway.sendRaw("{");
  gateway.sendRaw('{"v":1,"surplus":true}');
  gateway.sendRaw(" ".repeat(20_000));
  const acked = gateway.next("ack");
  gateway.send("refused", { re: "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e", code: "payment_unknown" });
  await acked;
  t.strictSame(daemon.status().dropped, {
    frames: { reader_frame_start: 1 },
    messages: { message_not_json: 1, message_invalid: 1, message_too_large: 1 },
  });
  reader.deliver(asciiFrame());
  t.equal(session.view().step, "card");
  t.strictSame(findSecret(Buffer.from(log.text()), PAN), []);
});

t.test("starts without broker, gateway or reader, and shows that they are missing", async (t) => {
  const { daemon, session, broker, until, gateway } = await begin(t);
  await until(({ gateway }) => gateway);
  await broker.kill();
  await until(({ gateway }) => !gateway);
  t.match(session.view(), { step: "idle", reader: { connected: false }, gateway: false });
  const headers = { authorization: `Bearer ${daemon.localApi.pairingToken}` };
  const reply = await fetch(`${daemon.localApi.url}/v1/session`, { headers });
  t.match(await reply.json(), { step: "idle", gateway: false });
  const online = gateway.nextPresence("online");
  await broker.restart();
  await online;
  await until(({ gateway }) => gateway);
});
