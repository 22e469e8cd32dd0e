import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeNativeFrame, type NativeEvent, NativeStream } from "@swipewire/protocol/readers/native-frame";
import { encodeModemMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { Dice } from "@swipewire/simulator/waveform/dice";
import t from "tap";
import { compileC, noCompiler } from "./compile-c.ts";

const PAGE = join(import.meta.dirname, "../../hardware-docs/native-frame.md");
const SOURCE = join(import.meta.dirname, "../../hardware-docs/native-frame.c");

/** Sends the frames that its input holds (kind, length in two bytes, payload), or prints those that it hears in it. */
const MAIN = `
#include <stdio.h>
#include "${SOURCE}"
static void put(uint8_t byte) { putchar(byte); }
static struct native_ear ear;
int main(int count, char **words) {
    int byte;
    (void)words;
    if (count == 2) {
        static uint8_t payload[NATIVE_LONGEST];
        while ((byte = getchar()) != EOF) {
            int high = getchar(), low = getchar(), length = high << 8 | low;
            if (fread(payload, 1, (size_t)length, stdin) != (size_t)length) return 1;
            native_send((uint8_t)byte, payload, (uint16_t)length, put);
        }
        return 0;
    }
    while ((byte = getchar()) != EOF) {
        int length = native_byte(&ear, (uint8_t)byte);
        if (length < 0) continue;
        printf("%02x ", ear.frame[0]);
        for (int n = 0; n < length; n++) printf("%02x", ear.frame[1 + n]);
        puts("");
    }
    return 0;
}
`;

const told = ({ frame, failure }: NativeEvent) =>
  frame
    ? `${frame.messageKind.toString(16).padStart(2, "0")} ${frame.payload.use((bytes) => Buffer.from(bytes).toString("hex"))}`
    : failure.code;

interface Sent {
  readonly kind: number;
  readonly payload: Uint8Array;
}
const line = ({ kind, payload }: Sent) =>
  `${kind.toString(16).padStart(2, "0")} ${Buffer.from(payload).toString("hex")}`;

/** Every length around the ends of COBS's blocks, of zeros, of anything else, and of both. */
function frames(dice: Dice): Sent[] {
  const lengths = [0, 1, 2, 247, 248, 249, 250, 251, 252, 253, 254, 255, 256, 257, 503, 507, 508, 509, 510, 1023, 1024];
  return lengths.flatMap((length) =>
    [1, 0, 0.05].map((zeros) => ({
      kind: dice.whole(0, 255),
      payload: Uint8Array.from({ length }, () => (dice.between(0, 1) < zeros ? 0 : dice.whole(1, 255))),
    })),
  );
}

t.test("the examples of the specification are what is sent", async (t) => {
  const [, block = ""] = /### Example.*?```\n(.*?)```/s.exec(readFileSync(PAGE, "utf8")) ?? [];
  const printed = block.trim().split("\n");
  t.equal(printed.length, 2);
  for (const [n, seconds] of [30, 0].entries()) {
    const { messageKind, payload } = encodeModemMessage({ type: "arm", sequence: 7, seconds });
    const bytes = printed[n]?.match(/\b[0-9a-f]{2}\b/g)?.map((byte) => Number.parseInt(byte, 16));
    t.strictSame(bytes, [...encodeNativeFrame(messageKind, payload)]);
  }
});

t.test("the C for microcontrollers", { skip: noCompiler }, async (t) => {
  const program = compileC(t, MAIN);
  const run = (args: readonly string[], input: Uint8Array) => {
    const { stdout, status, stderr } = spawnSync(program, args, { input, maxBuffer: 2 ** 24 });
    t.equal(status, 0, String(stderr));
    return stdout;
  };

  t.test("what it sends is read, and is the host's very bytes", async (t) => {
    const sent = frames(new Dice(1));
    const input = sent.flatMap(({ kind, payload }) => [kind, payload.length >> 8, payload.length & 0xff, ...payload]);
    const out = run(["send"], Uint8Array.from(input));
    t.strictSame(new NativeStream().push(out).map(told), sent.map(line));
    const host = sent.flatMap(({ kind, payload }) => [...encodeNativeFrame(kind, payload)]);
    t.strictSame([...out], host);
  });

  t.test("it reads what the host sends, whole frames and no others", async (t) => {
    const dice = new Dice(2);
    const sent = frames(dice);
    const stream = sent.map(({ kind, payload }) => encodeNativeFrame(kind, payload));
    const heard = (bytes: Uint8Array) => String(run([], bytes)).trim().split("\n");
    t.strictSame(heard(Buffer.concat(stream)), sent.map(line));
    // Every third one has a byte changed; of the noise between, nothing is heard.
    const damaged = stream.flatMap((frame, n) => {
      const at = dice.whole(1, frame.length - 2);
      const bytes = n % 3 === 0 ? frame.with(at, ((frame[at] ?? 0) % 255) + 1) : frame;
      return [bytes, Uint8Array.from({ length: dice.whole(0, 20) }, () => dice.whole(1, 255))];
    });
    const whole = sent.filter((_, n) => n % 3 !== 0).map(line);
    t.strictSame(heard(Buffer.concat(damaged)), whole);
    t.strictSame(heard(Buffer.concat([new Uint8Array(5000).fill(7), ...stream])), sent.map(line), "a run without end");
  });
});
