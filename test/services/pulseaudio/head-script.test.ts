import { audioTransport } from "@swipewire/daemon/transports/audio";
import { Seconds, sleep, systemClock } from "@swipewire/protocol/time";
import { playHead } from "@swipewire/simulator/script/play-head";
import { PulseLine } from "@swipewire/simulator/waveform/pulse-line";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { areOutcomes, endIn, examples, listenTo } from "../../simulator/script/outcomes.ts";
import { startSoundServer } from "./sound-server.ts";

const clock = systemClock;

await startSoundServer(t);
t.jobs = 4;

for (const { name, script } of examples) {
  const expected = script.outcomes.head;
  if (!expected) continue;
  t.test(`${name} at a sound input: ${script.about}`, { buffered: true }, async (t) => {
    const sink = name.replace(".json", "");
    const line = new PulseLine(sink);
    await line.plug();
    t.teardown(() => line.unplug());
    const input = { name: "jack", source: `pulse:${sink}.monitor`, channels: 1 } as const;
    const transport = audioTransport({ ...input, warn: () => {}, clock, random: seededRandom(script.seed) });
    const { told } = listenTo(t, { transports: [transport], clock });
    const until = async (fits: () => boolean) => {
      for (let tries = 0; !fits() && tries < 300; tries++) await sleep(clock, Seconds(0.1));
    };
    await until(() => told.length > 0);
    await playHead(script, { line, clock });
    await until(() => endIn(told, expected));
    areOutcomes(t, told, expected, "head");
  });
}

t.test("a sink that somebody has already is left alone, and a sound server that is not there is named", async (t) => {
  const [one, other] = [new PulseLine("taken"), new PulseLine("taken")];
  await one.plug();
  await t.rejects(other.plug(), { code: "sound_not_played", message: /there is a sink taken already/ });
  await other.unplug();
  await one.play(new Float32Array(441));
  await one.unplug();
  await t.rejects(one.play(new Float32Array(441)), { code: "sound_not_played" });
});
