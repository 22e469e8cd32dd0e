import { once } from "node:events";
import { SimulatedSms } from "@swipewire/gateway/notify/simulated-sms";
import { SimulatedPhoneLink } from "@swipewire/gateway/voice/simulated-phone";
import { Millis, Seconds } from "@swipewire/protocol/time";
import { typingPayer } from "@swipewire/simulator/phone/payer";
import { type Phones, startPhones } from "@swipewire/simulator/phone/phones";
import { pino } from "pino";
import t, { type Test } from "tap";
import { WebSocketServer } from "ws";
import { seededRandom } from "../seeded-random.ts";
import { SimulatedClock } from "../simulated-clock.ts";
import { scriptPhones } from "./scripted-phones.ts";
import { listener, NUMBER, voiceSuite } from "./voice-suite.ts";

const keys = (text: string) => new TextEncoder().encode(text);

const open = async (t: Test) => {
  const clock = new SimulatedClock();
  const log: string[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(line) });
  const started: Phones[] = [await startPhones({ host: "127.0.0.1", port: 0, clock, logger })];
  const [phones] = started as [Phones];
  const link = new SimulatedPhoneLink({ url: phones.url, clock, random: seededRandom(1), logger });
  t.teardown(async () => {
    await link.close();
    for (const phones of started) await phones.close();
  });
  await link.connected;
  return { clock, log, phones, link, started, logger };
};

t.test("a scripted payer answers and types", async (t) => {
  const { clock, phones, link, log } = await open(t);
  phones.phone(NUMBER).script = typingPayer(keys("1234#"), Seconds(3), Millis(200));
  const call = listener();
  link.call(NUMBER, "enter-pin", (event) => call.on(event));
  t.same(call.events, [], "events begin after the call returned");
  await call.until("ringing");
  await clock.advance(Seconds(4));
  await call.until("key", 5);
  t.same(call.events.slice(0, 2), [{ kind: "ringing" }, { kind: "answered" }]);
  t.same(
    call.events.flatMap((event) => (event.kind === "key" ? [event.key] : [])),
    [...keys("1234#")],
  );
  t.notOk(log.join("").includes("1234"));
});

t.test("hanging up ends the call on both ends, once", async (t) => {
  const { phones, link } = await open(t);
  const phone = phones.phone(NUMBER);
  const idle = new Promise<void>((resolve) => {
    phone.onChange(() => {
      if (phone.state === "idle") resolve();
    });
  });
  const call = listener();
  const { hangup } = link.call(NUMBER, "enter-pin", (event) => call.on(event));
  await call.until("ringing");
  hangup();
  hangup();
  await call.until("ended");
  await idle;
  t.same(call.events, [{ kind: "ringing" }, { kind: "ended", cause: "hangup" }]);
});

t.test("the simulated phone is a voice channel", (t) => {
  voiceSuite(t, async (t, behaviour) => {
    const { clock, phones, link } = await open(t);
    scriptPhones(phones, behaviour);
    return { voice: link, elapse: () => clock.advance(Seconds(20)) };
  });
  t.end();
});

t.test("without a connection calls end as unreachable and texts are not sent; it comes back by itself", async (t) => {
  const { clock, phones, link, started, logger } = await open(t);
  const sms = new SimulatedSms(link);
  const talking = listener();
  link.call(NUMBER, "enter-pin", (event) => talking.on(event));
  await talking.until("ringing");
  await phones.close();
  await talking.until("ended");
  t.same(talking.events.at(-1), { kind: "ended", cause: "unreachable" });
  const call = listener();
  link.call(NUMBER, "enter-pin", (event) => call.on(event));
  t.same(call.events, []);
  await call.until("ended");
  t.same(call.events, [{ kind: "ended", cause: "unreachable" }]);
  await t.rejects(sms.send(NUMBER, "hello"), { code: "sms_not_sent" });

  const again = await startPhones({ host: "127.0.0.1", port: phones.port, clock, logger });
  started.push(again);
  const rung = new Promise<void>((resolve) => again.phone(NUMBER).onRing(resolve));
  await clock.advance(Seconds(1));
  for (;;) {
    const retry = listener();
    link.call(NUMBER, "enter-pin", (event) => retry.on(event));
    await Promise.race([retry.until("ringing"), retry.until("ended")]);
    if (retry.events[0]?.kind === "ringing") break;
    await clock.advance(Seconds(1));
  }
  await rung;
});

t.test("a text arrives in the phone's inbox", async (t) => {
  const { phones, link, clock } = await open(t);
  const phone = phones.phone(NUMBER);
  const arrived = new Promise<void>((resolve) => phone.onChange(resolve));
  await new SimulatedSms(link).send(NUMBER, "Paid: CNY 12.50");
  await arrived;
  t.same(phone.inbox, [{ text: "Paid: CNY 12.50", at: clock.now() }]);
});

t.test("what is no event of a phone is dropped without a word of what it said", async (t) => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const log: string[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(line) });
  const address = server.address();
  if (typeof address === "string" || address === null) throw new Error("no port");
  const link = new SimulatedPhoneLink({
    url: `ws://127.0.0.1:${address.port}`,
    clock: new SimulatedClock(),
    random: seededRandom(1),
    logger,
  });
  t.teardown(async () => {
    await link.close();
    server.close();
  });
  const [peer] = await once(server, "connection");
  await link.connected;
  const call = listener();
  link.call(NUMBER, "enter-pin", (event) => call.on(event));
  const [request] = await once(peer, "message");
  const { call: id } = JSON.parse(String(request));
  for (const bad of [
    "{",
    `{"call":"${id}","event":"key","key":"907351"}`,
    `{"call":"${id}","event":"answered","pin":"907351"}`,
  ]) {
    peer.send(bad);
  }
  peer.send(JSON.stringify({ call: id, event: "answered" }));
  await call.until("answered");
  t.same(call.events, [{ kind: "answered" }]);
  t.equal(log.length, 3);
  t.notOk(log.join("").includes("907351"));
});
