import { ModemHost } from "@swipewire/daemon/transports/audio-host";
import { Seconds } from "@swipewire/protocol/time";
import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import { readReaderMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { ModemReader } from "@swipewire/simulator/waveform/modem-reader";
import t from "tap";
import { SimulatedClock } from "../../simulated-clock.ts";

const RATE = 44_100;
const SWIPE = new TextEncoder().encode(";6224242300000069=30122200000000000?\r");

/** A host, and a reader that hears what it plays, a second at a time. */
function conversation(baud: 2400 | 9600 = 2400) {
  const clock = new SimulatedClock();
  const host = new ModemHost({ sampleRate: RATE, baud }, clock);
  const reader = new ModemReader({ sampleRate: RATE, baud, model: "m", serial: "s", firmware: "f" });
  const microphone = new ModemDecoder({ sampleRate: RATE, baud });
  const tell = (signal: Float32Array) => {
    const quiet = new Float32Array(RATE / 10);
    for (const event of [...microphone.push(signal), ...microphone.push(quiet)]) {
      const message = event.kind === "frame" ? readReaderMessage(event) : undefined;
      if (message) host.hear(message);
    }
  };
  const second = async ({ deaf = false } = {}) => {
    const played = host.take(RATE);
    const right = played.filter((_, n) => n % 2 === 1);
    if (!deaf) reader.hear(right).forEach(tell);
    await clock.advance(Seconds(1));
    const powers = Math.max(...played.filter((_, n) => n % 2 === 0)) > 0.9;
    return { powers, asks: right.some((sample) => sample !== 0) };
  };
  return { clock, host, reader, tell, second };
}

t.test("the reader is fed, armed, and armed again when its swipe has come and when its time runs out", async (t) => {
  const { clock, host, reader, tell, second } = conversation();
  host.begin();
  t.match(await second(), { powers: true, asks: true });
  t.ok(reader.isArmed);
  t.match(await second(), { asks: false });
  const signal = reader.swipe(SWIPE);
  t.notOk(reader.isArmed);
  tell(signal ?? new Float32Array());
  t.match(await second(), { asks: true });
  t.ok(reader.isArmed);
  await clock.advance(Seconds(200));
  t.match(await second(), { asks: true });
  host.end();
  t.equal(clock.pending, 0);
});

t.test("a swipe that could not be read may have been the one that the reader was armed for", async (t) => {
  const { host, second } = conversation();
  host.begin();
  host.missed();
  t.match(await second(), { asks: true });
  t.match(await second(), { asks: false }, "a question that is open is asked by itself");
  host.missed();
  host.missed();
  t.match(await second(), { asks: true });
  t.match(await second(), { asks: false }, "once");
});

t.test("a reader that does not answer is asked three times, and after a pause again", async (t) => {
  const { host, reader, second } = conversation();
  host.begin();
  const asked: number[] = [];
  for (let time = 0; time < 36; time++) if ((await second({ deaf: true })).asks) asked.push(time);
  t.strictSame(asked, [0, 2, 4, 34]);
  await second();
  await second();
  t.ok(reader.isArmed);
});

t.test("at 9600 Bd there is no power tone: it would lie in the band", async (t) => {
  const { host, second } = conversation(9600);
  host.begin();
  t.match(await second(), { powers: false, asks: true });
});
