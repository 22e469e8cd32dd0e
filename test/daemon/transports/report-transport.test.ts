import { ReaderFlooding } from "@swipewire/daemon/errors";
import { streamedReports } from "@swipewire/daemon/transports/report-frames";
import { type ReportListener, ReportTransport } from "@swipewire/daemon/transports/report-transport";
import { asciiLines } from "@swipewire/protocol/readers/ascii-lines";
import { Millis, Seconds } from "@swipewire/protocol/time";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";

/** A device that the system shows for as long as `shown` says, whatever can be read of it. */
async function opened(t: Test) {
  const clock = new SimulatedClock();
  const events: string[] = [];
  const system = { shown: true };
  let device: ReportListener | undefined;
  const transport = new ReportTransport({
    name: "counter",
    codec: asciiLines,
    frames: streamedReports("ascii"),
    open: async (listener) => {
      device = listener;
      return { close: async () => {} };
    },
    present: async () => system.shown,
    clock,
    random: seededRandom(1),
  });
  const told = { frames: 0, mostFrames: Number.POSITIVE_INFINITY };
  transport.open({
    connected: () => events.push("connected"),
    disconnected: (reason) => events.push(reason),
    frame: () => {
      events.push("frame");
      if (++told.frames === told.mostFrames) transport.isolate(new ReaderFlooding());
    },
    misread: ({ code }) => events.push(code),
    unavailable: ({ code }) => events.push(code),
  });
  t.teardown(() => transport.close());
  await settle();
  return { clock, events, system, told, transport, device: () => device };
}

t.test("a device that the system shows for a moment more than it can be read was unplugged", async (t) => {
  const { clock, events, system, device } = await opened(t);
  device()?.failed();
  await settle();
  t.strictSame(events, ["connected"]);
  system.shown = false;
  await clock.advance(Millis(400));
  t.strictSame(events, ["connected", "unplugged"]);
});

t.test("a device that stays has failed", async (t) => {
  const { clock, events, device } = await opened(t);
  device()?.failed();
  await clock.advance(Millis(400));
  t.strictSame(events, ["connected", "failed"]);
});

t.test("a reader that is closed while its failure is looked into is told of once, as closed", async (t) => {
  const { clock, events, device, transport } = await opened(t);
  device()?.failed();
  await settle();
  await transport.close();
  await clock.advance(Seconds(60));
  t.strictSame(events, ["connected", "closed"]);
  t.equal(clock.pending, 0);
});

t.test("of a burst in which a reader was let go of, the rest is nobody's", async (t) => {
  const { events, told, device } = await opened(t);
  told.mostFrames = 2;
  device()?.report(Buffer.from(";1=2?\r".repeat(5)));
  await settle();
  t.strictSame(events, ["connected", "frame", "frame", "isolated", "reader_flooding"]);
});
