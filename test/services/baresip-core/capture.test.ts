import { Millis } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { startSystem } from "@swipewire/simulator/demo/system";
import { typingPayer } from "@swipewire/simulator/phone/payer";
import t from "tap";
import { findSecret } from "../../system/secrets.ts";
import {
  clock,
  emptyFolder,
  newOrder,
  random,
  recordingLogger,
  swipeFor,
  untilStep,
  untilView,
} from "../../system/stage.ts";
import { LOCAL_TRUNK, NUMBER } from "./baresip-floor.ts";
import { captureLoopback, type Datagram, joinStream } from "./capture.ts";
import { startTrunk } from "./simulated-trunk.ts";

/** As long as a PIN may be, so that it is nowhere by chance, not even as six bytes of BCD. */
const PIN = "907351462839";
const EVENTS = "0123456789*#";

t.test(
  "a capture of one payment shows the PIN on the phone's side only, and the track, sealed, on the other",
  async (t) => {
    const { port, phones } = await startTrunk(t);
    phones.phone(NUMBER).script = typingPayer(new TextEncoder().encode(`${PIN}#`), Millis(100), Millis(1));
    const card = { ...testCard("unionpay-debit"), pin: new TextEncoder().encode(PIN) };
    const system = await startSystem({
      folder: await emptyFolder(t),
      // A reader that encrypts nothing: what keeps the track from being read is our seal alone.
      family: "ascii",
      clock,
      random,
      logger: recordingLogger().logger,
      replySeconds: 60,
      cards: [card],
      adjust: (config) => ({ ...config, voice: { kind: "baresip", ...LOCAL_TRUNK, port, languages: [] } }),
    });
    t.teardown(() => system.close());
    const { session } = system.daemon;
    const { shop } = system;
    await untilView(session, (view) => view.gateway);
    const mqttPort = Number(new URL(system.gateway.brokerUrl).port);

    const capture = await captureLoopback(t, `udp or tcp port ${mqttPort}`);
    const order = await shop.placeOrder(newOrder("T-1"));
    const frame = new TextEncoder().encode(`${card.tracks.map(({ data }) => Buffer.from(data).toString()).join("")}\r`);
    await swipeFor({ session, shop, deliver: (bytes) => system.transport.deliver(bytes) }, order, card, frame, NUMBER);
    t.match((await untilStep(session, "result")).result, { outcome: "approved" });
    const { datagrams, segments } = await capture.stop();

    const signalling = datagrams.filter(({ from, to }) => from === port || to === port);
    const mediaPorts = signalling.flatMap(({ payload }) =>
      [...payload.toString("latin1").matchAll(/^m=audio (\d+)/gm)].map(([, audio]) => Number(audio)),
    );
    const media = datagrams.filter(({ from, to }) => mediaPorts.includes(from) && mediaPorts.includes(to));
    const mqtt = joinStream(segments);
    t.match(signalling[0]?.payload.toString("latin1"), /^INVITE /, "the call is in the capture, from its beginning");
    t.equal(mediaPorts.length, 2);
    t.ok(media.length > 100, "and so is its sound");

    t.equal(keysOf(media), `${PIN}#`, "the keys spell the PIN");
    const [pan = "", track2 = ""] = [
      card.pan,
      card.tracks.find(({ number }) => number === 2)?.data ?? new Uint8Array(),
    ].map((bytes) => Buffer.from(bytes).toString());
    const phoneSide = Buffer.concat([
      ...signalling.map(({ payload }) => payload),
      // Without their headers the packets are the sound as it is heard.
      ...media.map(({ payload }) => payload.subarray(12)),
      ...media.map(({ payload }) => payload),
    ]);
    for (const secret of [pan, track2, track2.slice(1, -1)]) {
      t.same(findSecret(phoneSide, secret), [], "no track on the phone's side");
      t.same(findSecret(mqtt, secret), [], "no clear track on the other side");
    }
    t.same(findSecret(mqtt, PIN), [], "no PIN on the other side");

    t.ok(
      /swipewire\/1\/terminals\/[0-9a-f-]{36}\/up/.test(mqtt.toString("latin1")),
      "the terminal's topic is in the capture",
    );
    // The question for sealing keys, and its answer, are sealed too.
    const swipes = /"sealed":"(eyJ[\w-]+)(?:\.[\w-]*){4}"/g;
    const sealed = [...mqtt.toString("latin1").matchAll(swipes)].map(([, header = ""]) =>
      JSON.parse(Buffer.from(header, "base64url").toString()),
    );
    t.match(sealed, [{ alg: "ECDH-ES", enc: "A256GCM" }], "and the sealed swipe, once");
  },
);

/** The keys that RTP telephone events spell: each has a time of its own, however many packets tell of it (RFC 4733). */
function keysOf(media: readonly Datagram[]): string {
  const events = new Map<number, number>();
  for (const { payload } of media) {
    if (((payload[1] ?? 0) & 0x7f) === 101) events.set(payload.readUInt32BE(4), payload[12] ?? 0);
  }
  return [...events.values()].map((event) => EVENTS[event]).join("");
}
