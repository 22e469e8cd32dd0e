import { ReaderFlooding } from "@swipewire/daemon/errors";
import { LineSplitter } from "@swipewire/daemon/transports/line-splitter";
import { SerialTransport } from "@swipewire/daemon/transports/serial";
import type { StreamFamily } from "@swipewire/protocol/readers/frame-streams";
import { Millis, Seconds } from "@swipewire/protocol/time";
import { SerialPortMock } from "serialport";
import t from "tap";
import idtech from "../../fixtures/idtech.json" with { type: "json" };
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";

const PATH = "/dev/ttyMOCK";

async function opened({ plugged = true, family = "ascii" as StreamFamily } = {}) {
  SerialPortMock.binding.reset();
  if (plugged) SerialPortMock.binding.createPort(PATH);
  const clock = new SimulatedClock();
  const ports: SerialPortMock[] = [];
  const frames: Uint8Array[] = [];
  const failures: string[] = [];
  const conduct = { mostFrames: Number.POSITIVE_INFINITY, mostFailures: Number.POSITIVE_INFINITY };
  const transport = new SerialTransport({
    path: PATH,
    baudRate: 9600,
    name: "counter",
    family,
    clock,
    random: seededRandom(1),
    port: (options) => {
      const port = new SerialPortMock(options);
      ports.push(port);
      return port;
    },
  });
  transport.open({
    connected: () => {},
    disconnected: () => {},
    frame: (bytes) => {
      frames.push(bytes);
      if (frames.length === conduct.mostFrames) transport.isolate(new ReaderFlooding());
    },
    misread: ({ code, message }) => {
      if (failures.push(`${code}: ${message}`) === conduct.mostFailures) transport.isolate(new ReaderFlooding());
    },
    unavailable: ({ code }) => failures.push(code),
  });
  t.teardown(() => transport.close());
  await settle();
  return {
    clock,
    ports,
    frames,
    failures,
    conduct,
    texts: () => frames.map((bytes) => Buffer.from(bytes).toString("latin1")),
    async send(...pieces: (string | Uint8Array)[]) {
      for (const piece of pieces) {
        ports.at(-1)?.port?.emitData(typeof piece === "string" ? Buffer.from(piece, "latin1") : Buffer.from(piece));
        await settle();
      }
    },
  };
}

for (const [name, end] of [
  ["CR", "\r"],
  ["LF", "\n"],
  ["CR LF", "\r\n"],
]) {
  t.test(`takes tracks on lines that end with ${name} for one frame`, async (t) => {
    const { send, clock, texts } = await opened();
    await send(`%B1^A^?${end}`, `;1=2?${end}`);
    t.strictSame(texts(), [], "another track may follow");
    await clock.advance(Millis(100));
    t.strictSame(texts(), ["%B1^A^?\r;1=2?\r"]);
  });
}

t.test("puts a line together from pieces of any size", async (t) => {
  const { send, clock, texts } = await opened();
  await send(..."%B1^A^?;1=2?\r".split(""));
  await clock.advance(Millis(100));
  t.strictSame(texts(), ["%B1^A^?;1=2?\r"]);
});

t.test("drops a line that never ends, tells once, and takes the next", async (t) => {
  const { send, clock, texts, failures } = await opened();
  for (let n = 0; n < 100; n++) await send("5".repeat(100));
  t.equal(failures.length, 1, "told while it is still going on");
  t.match(failures[0], /^reader_line_too_long: /);
  t.notMatch(failures[0], /555/);
  await send("5\r", ";1=2?\r");
  await clock.advance(Millis(100));
  t.equal(failures.length, 1);
  t.strictSame(texts(), [";1=2?\r"]);
});

t.test("drops a whole line that is too long, and a frame of too many lines", async (t) => {
  const { send, clock, texts, failures } = await opened();
  await send(`${"5".repeat(300)}\r`);
  t.equal(failures.length, 1);
  await send(`${"5".repeat(200)}\r`.repeat(3));
  t.equal(failures.length, 2);
  await clock.advance(Millis(100));
  t.strictSame(texts(), []);
});

t.test("forgets half a line when the reader is unplugged in the middle of it", async (t) => {
  const { send, clock, texts, ports } = await opened();
  await send(";4111");
  ports.at(-1)?._disconnected(new Error("gone"));
  await clock.advance(Seconds(5));
  await send("=2?\r");
  await clock.advance(Millis(100));
  t.strictSame(texts(), ["=2?\r"]);
});

t.test("half a line that nothing follows is forgotten and told as misread, and the next swipe is whole", async (t) => {
  const { send, clock, texts, failures } = await opened();
  await send(";4111");
  await clock.advance(Millis(900));
  await send("1111");
  await clock.advance(Millis(900));
  t.strictSame(failures, [], "it may still go on");
  await clock.advance(Millis(100));
  t.match(failures, [/^reader_frame_end: /]);
  t.notMatch(failures.join(), /4111/);
  await send("5".repeat(300));
  await clock.advance(Seconds(1));
  t.match(failures.slice(1), [/^reader_line_too_long: /], "told once");
  await send(";1=2?\r");
  await clock.advance(Seconds(1));
  t.strictSame(texts(), [";1=2?\r"]);
  t.equal(failures.length, 2);
});

t.test("no byte of half a line stays in memory, however it ends", async (t) => {
  for (const end of ["destroy", "forget", "end"] as const) {
    const splitter = new LineSplitter({ longest: 256, onTooLong: () => {} });
    splitter.resume();
    const chunk = Buffer.from(";4111111111111111=");
    splitter.write(chunk);
    const held = splitter.buffer;
    t.equal(held.length, 18);
    splitter[end]();
    await settle();
    t.ok(
      [chunk, held].every((bytes) => bytes.every((byte) => byte === 0)),
      end,
    );
  }
});

t.test("tells once that a reader is not there, and keeps trying with growing pauses", async (t) => {
  const { clock, ports, failures } = await opened({ plugged: false });
  await clock.advance(Seconds(300));
  t.strictSame(failures, ["reader_not_opened"]);
  t.ok(ports.length > 8 && ports.length < 30, `${ports.length} attempts in five minutes`);
});

t.test("takes an ID TECH reader's frames out of pieces of any size, with noise before them", async (t) => {
  const { send, frames, failures } = await opened({ family: "idtech" });
  const frame = Uint8Array.from(Buffer.from(idtech.original_format.hex, "hex"));
  await send("xy", ...Array.from({ length: 39 }, (_, n) => frame.subarray(n * 10, n * 10 + 10)), frame);
  t.strictSame(frames, [frame, frame]);
  t.match(failures, [/^reader_frame_start: /]);
  t.equal(failures.length, 1);
});

t.test("of a burst in which a reader was let go of, the rest is nobody's", async (t) => {
  const { frames, failures, conduct, ports } = await opened({ family: "idtech" });
  const frame = Uint8Array.from(Buffer.from(idtech.original_format.hex, "hex"));
  conduct.mostFrames = 2;
  ports.at(-1)?.emit("data", Buffer.concat([frame, frame, frame, frame]));
  t.equal(frames.length, 2);
  t.strictSame(failures, ["reader_flooding"]);
});

t.test("of lines in one piece, nothing is told when the reader was let go of", async (t) => {
  const { failures, conduct, ports } = await opened();
  conduct.mostFailures = 2;
  ports.at(-1)?.emit("data", Buffer.from(`${"1".repeat(300)}\r`.repeat(5)));
  await settle();
  t.match(failures, [/^reader_line_too_long/, /^reader_line_too_long/, "reader_flooding"]);
  t.equal(failures.length, 3);
});

t.test("tells of a frame that stops in the middle when the line goes quiet, and takes the next", async (t) => {
  const { send, clock, frames, failures } = await opened({ family: "idtech" });
  const frame = Uint8Array.from(Buffer.from(idtech.original_format.hex, "hex"));
  await send(frame.subarray(0, 200));
  t.strictSame(failures, []);
  await clock.advance(Seconds(1));
  t.match(failures, [/^reader_frame_length: /]);
  await send(frame);
  t.strictSame(frames, [frame]);
  t.equal(failures.length, 1);
});

t.test("forgets half a frame when the reader is unplugged in the middle of it", async (t) => {
  const { send, clock, frames, failures, ports } = await opened({ family: "idtech" });
  const frame = Uint8Array.from(Buffer.from(idtech.original_format.hex, "hex"));
  await send(frame.subarray(0, 200));
  ports.at(-1)?._disconnected(new Error("gone"));
  await clock.advance(Seconds(5));
  await send(frame);
  t.strictSame(frames, [frame]);
  t.strictSame(failures, []);
});
