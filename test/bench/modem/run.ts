import { parseArgs } from "node:util";
import { ffsk } from "@swipewire/protocol/waveform/modem/line-code";
import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import { bauds } from "@swipewire/protocol/waveform/modem/modem-line";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { cpuSeconds } from "../waveform/grid.ts";
import { type SoundName, soundOf, sounds } from "../waveform/no-cards.ts";
import { codings, tryCoding } from "./coding.ts";
import { CLOCK_STEPS, codingStrains, NOISE_STEPS, noisy, strains } from "./conditions.ts";
import { PAYLOAD_BYTES, type Tally, tryFrames } from "./frame-trial.ts";
import { lineCodes } from "./line-codes.ts";
import { MINIMODEM_RATE, Minimodem } from "./minimodem.ts";

const USAGE = `npm run bench -- modem [options]
  --parts x,y       of choice, coding, noise, clock, speed, silence (default all)
  --frames N        of each condition (default 40)
  --seed S          (default 1)
  --hours H         of each sound that holds no frame (default 0.02)`;

const PARTS = ["choice", "coding", "noise", "clock", "speed", "silence"];
const SOUND_SECONDS = 60;

const say = (line: string) => process.stdout.write(`${line}\n`);
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

/**
 * The framed modem on simulated sound lines: share of frames read, beside other line codes and Debian's `minimodem`; frames
 * told where none was sent; speed. Exit status 1 when any frame was told that was not sent.
 */
export function modem(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: {
      parts: { type: "string", default: PARTS.join(",") },
      frames: { type: "string", default: "40" },
      seed: { type: "string", default: "1" },
      hours: { type: "string", default: "0.02" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    say(USAGE);
    return;
  }
  const parts = values.parts.split(",");
  const frames = Number(values.frames);
  const seed = Number(values.seed);
  let wrong = 0;
  const counted = (tally: Tally) => {
    wrong += tally.wrong;
    return tally.right / tally.frames;
  };
  say(`Node ${process.version}, ${process.arch}; seed ${seed}, ${frames} frames of ${PAYLOAD_BYTES} bytes a condition`);

  if (parts.includes("choice")) {
    say("\nLine codes, frames read; 1200 Bd at 44.1 kHz and -8 dB unless said\n");
    const names = Object.keys(lineCodes);
    row(["condition", ...names]);
    row(["---", ...names.map(() => "---:")]);
    for (const { name, of } of strains) {
      row([name, ...Object.values(lineCodes).map((code) => percent(counted(tryFrames(of, frames, seed, code))))]);
    }
  }
  if (parts.includes("coding")) {
    say("\nCodings, frames read at 44.1 kHz; crackle: contact lost so often a second, for 2 ms in the mean\n");
    row(["condition", "Reed-Solomon as specified, 1200 Bd", ...codings.map(({ name }) => name)]);
    row(["---", "---:", ...codings.map(() => "---:")]);
    for (const { name, of } of codingStrains) {
      const specified = percent(counted(tryFrames({ ...of, baud: 1200 }, frames, seed, ffsk)));
      row([name, specified, ...codings.map((coding) => percent(tryCoding(coding, of, frames, seed)))]);
    }
  }
  if (parts.includes("noise")) {
    const peer = Minimodem.isInstalled ? new Minimodem() : undefined;
    say(`\nFrames read in white noise at ${MINIMODEM_RATE} Hz: ours${peer ? " / minimodem" : ""}\n`);
    row(["dB", ...bauds.map((baud) => `${baud} Bd`)]);
    row(["---:", ...bauds.map(() => "---:")]);
    for (const snr of NOISE_STEPS) {
      const cells = bauds.map((baud) => {
        const of = noisy(baud, MINIMODEM_RATE, snr);
        const ours = percent(counted(tryFrames(of, frames, seed, ffsk)));
        return peer ? `${ours} / ${percent(peer.tryFrames(baud, of.line ?? {}, frames, seed))}` : ours;
      });
      row([`${snr}`, ...cells]);
    }
    if (peer) {
      say("\nTen clips of pure noise, each of 5 s, 1200 Bd: clips in which something was read\n");
      const clips = Array.from({ length: 10 }, (_, n) => noise(5 * MINIMODEM_RATE, 0.3, new Dice(seed + n)));
      const ours = clips.filter(
        (clip) => new ModemDecoder({ sampleRate: MINIMODEM_RATE, baud: 1200 }).push(Float32Array.from(clip)).length > 0,
      );
      const theirs = clips.filter((clip) => peer.read(1200, clip).length > 0);
      say(`ours ${ours.length}, minimodem ${theirs.length}`);
      wrong += ours.length;
      peer.close();
    }
  }
  if (parts.includes("clock")) {
    say("\nFrames read with clocks apart, 1200 Bd at 44.1 kHz; the longest payload without noise, 48 bytes at 0 dB\n");
    row(["ppm", "1024 bytes", "48 bytes, 0 dB"]);
    row(["---:", "---:", "---:"]);
    for (const clock of CLOCK_STEPS) {
      const long = tryFrames(
        { sampleRate: 44_100, baud: 1200, clock, line: { snr: 30 } },
        Math.ceil(frames / 10),
        seed,
        ffsk,
        1024,
      );
      const short = tryFrames({ ...noisy(1200, 44_100, 0), clock }, frames, seed, ffsk);
      row([`${clock}`, percent(counted(long)), percent(counted(short))]);
    }
  }
  if (parts.includes("speed")) {
    say("\nTimes real time, CPU time of one core: frames / noise\n");
    row(["Hz", ...bauds.map((baud) => `${baud} Bd`)]);
    row(["---:", ...bauds.map(() => "---:")]);
    for (const sampleRate of [8000, 16_000, 44_100, 48_000, 96_000]) {
      const cells = bauds.map((baud) => {
        if (sampleRate / baud < 10 / 3) return "";
        const { signal, taken } = tryFrames(noisy(baud, sampleRate, 30), Math.max(frames, 40), seed, ffsk);
        return `${(signal / taken).toFixed(0)} / ${idleSpeed(sampleRate, baud).toFixed(0)}`;
      });
      row([`${sampleRate}`, ...cells]);
    }
  }
  if (parts.includes("silence")) {
    const minutes = Math.ceil((Number(values.hours) * 3600) / SOUND_SECONDS);
    say(`\nSound that holds no frame, heard at 44.1 kHz at each of ${bauds.join(", ")} Bd: frames, failures\n`);
    for (const name of Object.keys(sounds) as SoundName[]) {
      let told = 0;
      let failures = 0;
      for (let minute = 0; minute < minutes; minute++) {
        const signal = soundOf(name, SOUND_SECONDS, seed * 1_000_003 + minute);
        for (const baud of bauds) {
          const decoder = new ModemDecoder({ sampleRate: 44_100, baud });
          for (const { kind } of [...decoder.push(signal), ...decoder.flush()]) kind === "frame" ? told++ : failures++;
        }
      }
      wrong += told;
      say(`${name}: ${((minutes * SOUND_SECONDS) / 3600).toFixed(2)} h, ${told} frames, ${failures} failures`);
    }
  }
  say(`\n${wrong} frames told that were not sent`);
  process.exitCode = wrong === 0 ? 0 : 1;
}

const row = (cells: readonly string[]) => say(`| ${cells.join(" | ")} |`);

const noise = (samples: number, level: number, dice: Dice) =>
  Float64Array.from({ length: samples }, () => level * dice.gauss());

function idleSpeed(sampleRate: number, baud: (typeof bauds)[number]): number {
  const seconds = 10;
  const signal = Float32Array.from(noise(seconds * sampleRate, 0.1, new Dice(1)));
  const decoder = new ModemDecoder({ sampleRate, baud });
  const started = cpuSeconds();
  decoder.push(signal);
  return seconds / (cpuSeconds() - started);
}
