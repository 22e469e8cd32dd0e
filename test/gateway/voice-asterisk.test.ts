import { AriCall } from "@swipewire/gateway/voice/ari-call";
import { AriChannel, type AriChannelSettings } from "@swipewire/gateway/voice/ari-channel";
import { readAriEvent } from "@swipewire/gateway/voice/ari-event";
import { Millis, Seconds, systemClock } from "@swipewire/protocol/time";
import { type AriServer, startAriServer } from "@swipewire/simulator/asterisk/ari-server";
import { typingPayer } from "@swipewire/simulator/phone/payer";
import { startPhones } from "@swipewire/simulator/phone/phones";
import { pino } from "pino";
import t, { type Test } from "tap";
import { WebSocket } from "ws";
import { seededRandom } from "../seeded-random.ts";
import { SimulatedClock } from "../simulated-clock.ts";
import { askPin, callPayers } from "./pin-calls.ts";
import { scriptPhones } from "./scripted-phones.ts";
import { listener, NUMBER, OTHER_NUMBER, voiceSuite } from "./voice-suite.ts";

const USER = "gateway";
const PASSWORD = "s3cret:with@colon";

/** Asterisk's side runs in simulated time, so that payers do things when the test says so. */
async function openAsterisk(t: Test, clock: SimulatedClock | typeof systemClock = new SimulatedClock()) {
  const log: string[] = [];
  const waiting: { readonly text: string; readonly found: () => void }[] = [];
  const logger = pino(
    {},
    {
      write(line: string) {
        log.push(line);
        for (const { text, found } of waiting) if (line.includes(text)) found();
      },
    },
  );
  const logged = (text: string) => new Promise<void>((found) => waiting.push({ text, found }));
  const phones = await startPhones({ host: "127.0.0.1", port: 0, clock, logger });
  t.teardown(() => phones.close());
  const start = async (port = 0): Promise<AriServer> => {
    const phone = (number: string) => phones.phone(number);
    const server = await startAriServer({ host: "127.0.0.1", port, user: USER, password: PASSWORD, clock, phone });
    t.teardown(() => server.close());
    return server;
  };
  const asterisk = await start();
  const connect = async (changes: Partial<AriChannelSettings> = {}, connected = true) => {
    const settings = {
      url: asterisk.url,
      user: USER,
      password: PASSWORD,
      app: "swipewire",
      endpoint: "PJSIP/{number}@trunk",
      sounds: "swipewire",
      language: "en",
      languages: [{ prefix: "+86", language: "zh" }],
      ...changes,
    };
    const voice = new AriChannel({ settings, clock: systemClock, random: seededRandom(log.length), logger });
    t.teardown(async () => {
      await voice.close();
      if (/138000|s3cret|\+86/.test(log.join(""))) throw new Error("the log holds a number or the password");
    });
    if (connected) await voice.connected;
    return voice;
  };
  /** Resolves when this phone is in this state. */
  const until = (number: string, wanted: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (phones.phone(number).state === wanted) resolve();
      };
      phones.phone(number).onChange(look);
      look();
    });
  return { asterisk, phones, log, logged, connect, start, until, clock };
}

t.test("Asterisk is a voice channel", (t) => {
  voiceSuite(t, async (t, behaviour) => {
    const { phones, connect, clock } = await openAsterisk(t);
    scriptPhones(phones, behaviour);
    const elapse = () => (clock instanceof SimulatedClock ? clock.advance(Seconds(20)) : Promise.resolve());
    return { voice: await connect(), elapse };
  });
  t.end();
});

t.test("100 calls, 50 at a time, are 100 right PINs", async (t) => {
  const { phones, connect, log } = await openAsterisk(t, systemClock);
  const voice = await connect();
  const results = await callPayers(voice, 100, 50, (number, pin) => {
    phones.phone(number).script = typingPayer(new TextEncoder().encode(`${pin}#`), Millis(20), Millis(20));
  });
  t.equal(results.length, 100);
  for (const [pin, answer] of results) t.equal(answer, pin);
  t.notMatch(log.join(""), /"digit"/);
});

t.test("the payer hears the prompt asked for, in the language of the number", async (t) => {
  const { asterisk, phones, connect } = await openAsterisk(t, systemClock);
  const voice = await connect();
  for (const [number, prompt, sound] of [
    [NUMBER, "enter-pin", { media: "sound:swipewire/enter-pin", language: "zh" }],
    ["+447700900123", "wrong-pin", { media: "sound:swipewire/wrong-pin", language: "en" }],
  ] as const) {
    phones.phone(number).script = typingPayer(new TextEncoder().encode("1"), Millis(10), Millis(300));
    const call = listener();
    const { hangup } = voice.call(number, prompt, call.on);
    await call.until("key");
    t.same(asterisk.played.at(-1), sound);
    hangup();
    await call.until("ended");
  }
});

t.test("when the events stop, calls end as failed and no phone goes on ringing", async (t) => {
  const { asterisk, phones, connect, logged, until, start } = await openAsterisk(t);
  const voice = await connect();
  phones.phone(NUMBER).script = undefined;
  const [ringing, talking] = [listener(), listener()];
  voice.call(NUMBER, "enter-pin", ringing.on);
  voice.call(OTHER_NUMBER, "enter-pin", talking.on);
  await Promise.all([ringing.until("ringing"), talking.until("ringing")]);
  phones.phone(OTHER_NUMBER).answer();
  await talking.until("answered");
  const told = logged("voice_ari_unreachable");
  const back = logged("Asterisk is within reach");
  asterisk.cut();
  await Promise.all([ringing.until("ended"), talking.until("ended"), told]);
  t.same([ringing.causes, talking.causes], [["failed"], ["failed"]]);
  await Promise.all([until(NUMBER, "idle"), until(OTHER_NUMBER, "idle")]);

  await back;
  const again = listener();
  voice.call(NUMBER, "enter-pin", again.on);
  await again.until("ringing");

  await asterisk.close();
  await again.until("ended");
  const without = listener();
  voice.call(NUMBER, "enter-pin", without.on);
  await without.until("ended");
  t.same(without.events, [{ kind: "ended", cause: "failed" }]);
  const restarted = logged("Asterisk is within reach");
  await start(asterisk.port);
  await restarted;
});

t.test("a call hung up before Asterisk has made its channel does not ring on", async (t) => {
  const { asterisk, phones, connect, until } = await openAsterisk(t);
  const voice = await connect();
  const rung = new Promise<void>((resolve) => phones.phone(NUMBER).onRing(resolve));
  voice.call(NUMBER, "enter-pin", () => {}).hangup();
  await rung;
  await until(NUMBER, "idle");
  await voice.close();
  t.same(asterisk.channels, []);
});

t.test("a channel whose making was not answered does not ring on", async (t) => {
  const { asterisk, phones, connect, until } = await openAsterisk(t);
  const voice = await connect();
  asterisk.swallowAnswers = true;
  const rung = new Promise<void>((resolve) => phones.phone(NUMBER).onRing(resolve));
  const call = listener();
  voice.call(NUMBER, "enter-pin", call.on);
  await call.until("ended");
  t.same(call.causes, ["failed"]);
  await rung;
  await until(NUMBER, "idle");
});

t.test("channels that an earlier run has left are hung up, others are not", async (t) => {
  const { asterisk, connect, until } = await openAsterisk(t);
  const make = (id: string, number: string) =>
    fetch(`${asterisk.url}/channels/${id}`, {
      method: "POST",
      headers: {
        authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ endpoint: `PJSIP/${number}@trunk`, app: "swipewire" }),
    });
  t.equal((await make("swipewire.call.00", NUMBER)).status, 200);
  t.equal((await make("swipewire-2.call.00", OTHER_NUMBER)).status, 200);
  t.equal((await make("swipewire.call.00", NUMBER)).status, 409);
  await until(NUMBER, "ringing");
  const voice = await connect();
  await until(NUMBER, "idle");
  t.same(asterisk.channels, ["swipewire-2.call.00"]);
  await make("swipewire.call.01", NUMBER);
  await until(NUMBER, "ringing");
  await until(NUMBER, "idle");
  await voice.close();
});

t.test("a wrong password is told by its status, and nothing is called", async (t) => {
  const { connect, logged, log } = await openAsterisk(t);
  const told = logged("voice_ari_refused");
  const voice = await connect({ password: "wrong" }, false);
  await told;
  t.match(log.join(""), '"status":401');
  t.equal(await askPin(voice, NUMBER), "pin_unreachable");
});

t.test("an endpoint that Asterisk can't dial ends the call as failed", async (t) => {
  const { connect, log } = await openAsterisk(t);
  const call = listener();
  (await connect({ endpoint: "nowhere{number}" })).call(NUMBER, "enter-pin", call.on);
  await call.until("ended");
  t.same(call.events, [{ kind: "ended", cause: "failed" }]);
  t.match(log.join(""), '"status":400');
});

t.test("only phone numbers are dialled", async (t) => {
  const { asterisk, connect } = await openAsterisk(t);
  const voice = await connect();
  for (const number of ["", "110", "+8613800001379@elsewhere", "+8613800001379/n"]) {
    const call = listener();
    voice.call(number, "enter-pin", call.on);
    await call.until("ended");
    t.same(call.causes, ["unreachable"]);
  }
  t.same(asterisk.channels, []);
});

t.test("closing hangs up what still rings", async (t) => {
  const { asterisk, connect, until } = await openAsterisk(t);
  const voice = await connect();
  const call = listener();
  voice.call(NUMBER, "enter-pin", call.on);
  await call.until("ringing");
  await voice.close();
  t.same(call.causes, ["failed"]);
  t.same(asterisk.channels, []);
  await until(NUMBER, "idle");
});

t.test("each application is one connection's: the older one is told, and calls go to the newer", async (t) => {
  const { asterisk, connect, logged } = await openAsterisk(t);
  await connect();
  const replaced = logged("another program has taken voice.app");
  const socket = new WebSocket(`${asterisk.url.replace("http", "ws")}/events?app=swipewire`, {
    headers: { authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}` },
  });
  t.teardown(() => socket.terminate());
  await replaced;
});

t.test("a key is read as a byte and its event is overwritten, however Asterisk prints it", (t) => {
  for (const key of "0123456789*#") {
    for (const gap of ["", " "]) {
      const bytes = Buffer.from(
        `{"type":${gap}"ChannelDtmfReceived","digit":${gap}"${key}","duration_ms":100,"channel":{"id":"a","name":"\\"digit\\""}}`,
      );
      t.same(readAriEvent(bytes), { kind: "key", channel: "a", key: key.charCodeAt(0) });
      t.ok(bytes.every((byte) => byte === 0));
    }
  }
  for (const text of ['{"type":"ChannelDtmfReceived","digit":"7"', '{"type":7}', "[]", '{"type":"StasisStart"}']) {
    const bytes = Buffer.from(text);
    t.throws(() => readAriEvent(bytes), { code: /^message_(?:not_json|invalid)$/ });
    t.ok(bytes.every((byte) => byte === 0));
  }
  t.equal(readAriEvent(Buffer.from('{"type":"DeviceStateChanged"}')), undefined);
  t.end();
});

t.test("a cause becomes what it means at that stage", (t) => {
  for (const [stages, cause, expected] of [
    [["ringing"], 17, "busy"],
    [["ringing"], 19, "no-answer"],
    [[], 19, "unreachable"],
    [[], 1, "unreachable"],
    [["ringing"], 21, "hangup"],
    [["ringing", "answered"], 16, "hangup"],
    [["ringing", "answered"], 0, "hangup"],
    [["ringing", "answered"], 44, "failed"],
    [[], 38, "failed"],
  ] as const) {
    const heard = listener();
    const call = new AriCall({ clock: new SimulatedClock(), on: heard.on, play: () => {}, hangUp: () => {} });
    for (const kind of stages) call.take({ kind, channel: "a" });
    call.take({ kind: "destroyed", channel: "a", cause });
    t.same(heard.causes, [expected], `${cause} after ${stages}`);
  }
  t.end();
});

t.test("the prompt is repeated with pauses, and not after the call", async (t) => {
  const clock = new SimulatedClock();
  let played = 0;
  const call = new AriCall({ clock, on: () => {}, play: () => played++, hangUp: () => {} });
  call.take({ kind: "answered", channel: "a" });
  t.equal(played, 1);
  call.take({ kind: "played", channel: "a", failed: false });
  await clock.advance(Seconds(8));
  t.equal(played, 2);
  call.take({ kind: "played", channel: "a", failed: false });
  call.hangup();
  await clock.advance(Seconds(200));
  t.equal(played, 2);
  t.equal(clock.pending, 0);
});
