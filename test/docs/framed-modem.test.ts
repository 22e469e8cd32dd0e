import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { frameBytes } from "@swipewire/protocol/waveform/modem/frame-layout";
import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import { encodeModemMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { modemSignal } from "@swipewire/simulator/waveform/modem-signal";
import t from "tap";
import { compileC, noCompiler } from "./compile-c.ts";

const PAGE = join(import.meta.dirname, "../../hardware-docs/framed-modem.md");
const SOURCE = join(import.meta.dirname, "../../hardware-docs/framed-modem.c");

/** Sends what its arguments say, a digit for each half wave; or prints the frames in the intervals on its input. */
const MAIN = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "${SOURCE}"
static void half_wave(int is_third) { putchar(is_third ? '3' : '2'); }
static struct modem_ear ear;
int main(int count, char **words) {
    if (count == 3) {
        modem_send((uint8_t)atoi(words[1]), (const uint8_t *)words[2], (uint16_t)strlen(words[2]), half_wave);
        return 0;
    }
    unsigned ticks, bit;
    if (scanf("%u", &bit) != 1) return 1;
    while (scanf("%u", &ticks) == 1) {
        int length = modem_edge(&ear, ticks, bit);
        if (length >= 0) printf("%d %.*s\\n", ear.frame[0], length, (const char *)ear.frame + 12);
    }
    return 0;
}
`;

t.test("the example of the specification is what is sent", async (t) => {
  const [, block = ""] = /### Example.*?```\n(.*?)```/s.exec(readFileSync(PAGE, "utf8")) ?? [];
  const printed = block.match(/\b[0-9a-f]{2}\b/g)?.map((byte) => Number.parseInt(byte, 16));
  const { messageKind, payload } = encodeModemMessage({ type: "arm", sequence: 7, seconds: 30 });
  t.strictSame(printed, [...frameBytes(messageKind, payload)]);
});

t.test("the C for microcontrollers", { skip: noCompiler }, async (t) => {
  const program = compileC(t, MAIN);
  const run = (args: readonly string[], input = "") => spawnSync(program, args, { input, encoding: "utf8" }).stdout;

  t.test("what it sends is read", async (t) => {
    // Of three blocks.
    const text = "a payload of text, ".repeat(30);
    const halves = run(["130", text]);
    const line = { sampleRate: 44_100, baud: 1200 } as const;
    const bit = line.sampleRate / line.baud;
    const edges = [0];
    for (const half of halves) edges.push((edges.at(-1) ?? 0) + bit / Number(half));
    const signal = new Float32Array(Math.ceil(edges.at(-1) ?? 0));
    for (let n = 0, half = 0; n < signal.length; n++) {
      while (n >= (edges[half + 1] ?? Number.POSITIVE_INFINITY)) half++;
      signal[n] = half % 2 === 0 ? 0.4 : -0.4;
    }
    const decoder = new ModemDecoder(line);
    const [event] = [...decoder.push(signal), ...decoder.flush()];
    t.equal(event?.kind, "frame");
    if (event?.kind !== "frame") return;
    t.equal(event.messageKind, 130);
    t.equal(
      event.payload.use((bytes) => String.fromCharCode(...bytes)),
      text,
    );
    t.equal(event.corrected, 0);
  });

  t.test("it reads what is sent, through a comparator, with its clock off, and nothing else", async (t) => {
    const dice = new Dice(4);
    const sampleRate = 48_000;
    const intervals: number[] = [];
    const texts = Array.from({ length: 20 }, (_, n) => `frame ${n} ${"x".repeat(n)}`);
    for (const [n, text] of texts.entries()) {
      const clock = dice.between(-5000, 5000);
      const conditions = { sampleRate, baud: 2400, clock, line: { snr: 30, coupling: 100 } } as const;
      const signal = modemSignal(n, new TextEncoder().encode(text), conditions, dice);
      if (n % 5 === 4) signal.subarray(8000, 8060).fill(0.1);
      intervals.push(...edgesOf(signal, 0.02).map((at) => Math.round(at * 20)));
    }
    const ticks = intervals.map((at, n) => Math.max(0, at - (intervals[n - 1] ?? 0)));
    const read = run([], [Math.round((20 * sampleRate) / 2400), ...ticks].join("\n"))
      .trim()
      .split("\n");
    const whole = texts.map((text, n) => `${n} ${text}`).filter((_, n) => n % 5 !== 4);
    t.strictSame(read, whole);
  });
});

/** Where a comparator with some hysteresis toggles, between samples. */
function edgesOf(signal: Float32Array, hysteresis: number): number[] {
  const edges: number[] = [];
  let isHigh = false;
  let crossing = 0;
  for (let n = 1; n < signal.length; n++) {
    const before = signal[n - 1] ?? 0;
    const now = signal[n] ?? 0;
    if (before * now <= 0 && now !== before) crossing = n - 1 + before / (before - now);
    if (isHigh ? now < -hysteresis : now > hysteresis) {
      isHigh = !isHigh;
      edges.push(crossing);
    }
  }
  return edges;
}
