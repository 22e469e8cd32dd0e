import { once } from "node:events";
import { Millis, Seconds } from "@swipewire/protocol/time";
import { typingPayer } from "@swipewire/simulator/phone/payer";
import { startPhones } from "@swipewire/simulator/phone/phones";
import { pino } from "pino";
import t, { type Test } from "tap";
import WebSocket from "ws";
import { SimulatedClock } from "../simulated-clock.ts";

const NUMBER = "+8613800000000";
const CALL = "00000000-0000-4000-8000-000000000001";
const OTHER = "00000000-0000-4000-8000-000000000002";
const keys = (text: string) => new TextEncoder().encode(text);

const open = async (t: Test) => {
  const clock = new SimulatedClock();
  const log: string[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(line) });
  const phones = await startPhones({ host: "127.0.0.1", port: 0, clock, logger });
  const socket = new WebSocket(phones.url);
  t.teardown(() => phones.close());
  await once(socket, "open");
  const heard: unknown[] = [];
  let wake = () => {};
  socket.on("message", (data) => {
    heard.push(JSON.parse(String(data)));
    wake();
  });
  const hear = async (count: number) => {
    while (heard.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return heard;
  };
  const say = (request: unknown) => socket.send(typeof request === "string" ? request : JSON.stringify(request));
  return { clock, log, phones, phone: phones.phone(NUMBER), socket, hear, say };
};
const ring = { do: "call", call: CALL, to: NUMBER, prompt: "enter-pin" };

t.test("a phone is rung, answered, typed on and hung up by hand", async (t) => {
  const { phone, say, hear } = await open(t);
  const rings = new Promise<void>((resolve) => phone.onRing(resolve));
  say(ring);
  await rings;
  t.equal(phone.state, "ringing");
  for (const key of keys("9")) phone.press(key);
  phone.answer();
  phone.answer();
  for (const key of keys("1*#")) phone.press(key);
  phone.hangup();
  t.equal(phone.state, "idle");
  t.same(await hear(6), [
    { call: CALL, event: "ringing" },
    { call: CALL, event: "answered" },
    { call: CALL, event: "key", key: "1" },
    { call: CALL, event: "key", key: "*" },
    { call: CALL, event: "key", key: "#" },
    { call: CALL, event: "ended", cause: "hangup" },
  ]);
  t.throws(() => phone.press(0x41));
});

t.test("a script ends with its call, and the next call gets a new one", async (t) => {
  const { phone, say, hear, clock } = await open(t);
  phone.script = typingPayer(keys("1234#"), Seconds(1), Millis(200));
  say(ring);
  await hear(1);
  await clock.advance(Millis(1_300));
  await hear(3);
  say({ do: "hangup", call: CALL });
  await hear(4);
  await clock.advance(Seconds(10));
  say({ ...ring, call: OTHER });
  await hear(5);
  await clock.advance(Seconds(10));
  const heard = await hear(11);
  t.same(heard[3], { call: CALL, event: "ended", cause: "hangup" });
  t.same(heard.slice(4, 6), [
    { call: OTHER, event: "ringing" },
    { call: OTHER, event: "answered" },
  ]);
  t.equal(heard.length, 11);
});

t.test("a phone that is in use is busy", async (t) => {
  const { say, hear } = await open(t);
  say(ring);
  say({ ...ring, call: OTHER });
  t.same((await hear(2))[1], { call: OTHER, event: "ended", cause: "busy" });
});

t.test("a caller that vanishes leaves the phone free", async (t) => {
  const { phone, socket, say, hear } = await open(t);
  say(ring);
  await hear(1);
  const idle = new Promise<void>((resolve) => phone.onChange(resolve));
  socket.terminate();
  await idle;
  t.equal(phone.state, "idle");
});

t.test("malformed and oversized requests and unknown properties are dropped", async (t) => {
  const { say, hear, log, phones } = await open(t);
  say("{");
  say({ ...ring, loud: true });
  say({ ...ring, to: "13800000000" });
  say({ do: "explode" });
  say(ring);
  t.same(await hear(1), [{ call: CALL, event: "ringing" }]);
  t.same(
    log.map((line) => JSON.parse(line).code),
    ["message_not_json", "message_invalid", "message_invalid", "message_invalid"],
  );
  const loud = new WebSocket(phones.url);
  await once(loud, "open");
  const closed = once(loud, "close");
  loud.on("error", () => {});
  loud.send("x".repeat(100_000));
  await closed;
});
