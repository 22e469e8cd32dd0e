import { ReaderFlooding } from "@swipewire/daemon/errors";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import type { ReaderTransport } from "@swipewire/daemon/transports/reader-transport";
import { wholeReports } from "@swipewire/daemon/transports/report-frames";
import { type ReportListener, ReportTransport } from "@swipewire/daemon/transports/report-transport";
import { SerialTransport } from "@swipewire/daemon/transports/serial";
import type { SwipewireError } from "@swipewire/protocol/failure";
import { asciiLines } from "@swipewire/protocol/readers/ascii-lines";
import { Seconds } from "@swipewire/protocol/time";
import { SerialPortMock } from "serialport";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";

/** One kind of transport, with the hand that plugs its reader. */
interface Bench {
  readonly transport: ReaderTransport;
  readonly clock: SimulatedClock;
  plug(): Promise<void>;
  unplug(): Promise<void>;
  send(text: string): Promise<void>;
}

function inProcessBench(): Bench {
  const transport = new InProcessTransport({ family: "ascii", name: "counter" });
  const clock = new SimulatedClock();
  return {
    transport,
    clock,
    plug: async () => transport.connect(),
    unplug: async () => transport.disconnect("unplugged"),
    send: async (text) => transport.deliver(Buffer.from(`${text}\r`)),
  };
}

function serialBench(): Bench {
  const { binding } = SerialPortMock;
  binding.reset();
  const clock = new SimulatedClock();
  let port: SerialPortMock | undefined;
  const transport = new SerialTransport({
    path: "/dev/ttyMOCK",
    baudRate: 9600,
    family: "ascii",
    name: "counter",
    clock,
    random: seededRandom(1),
    port: (options) => {
      port = new SerialPortMock(options);
      return port;
    },
  });
  return {
    transport,
    clock,
    plug: async () => {
      binding.createPort("/dev/ttyMOCK");
      await clock.advance(Seconds(60));
    },
    unplug: async () => {
      binding.reset();
      port?._disconnected(new Error("gone"));
      await settle();
    },
    send: async (text) => {
      if (port?.isOpen) port.port?.emitData(Buffer.from(`${text}\r\n`));
      await clock.advance(Seconds(1));
    },
  };
}

function reportBench(): Bench {
  const clock = new SimulatedClock();
  let plugged = false;
  let listener: ReportListener | undefined;
  const transport = new ReportTransport({
    name: "counter",
    codec: asciiLines,
    frames: wholeReports(),
    open: async (opened) => {
      if (!plugged) throw new Error("no such device");
      listener = opened;
      return {
        close: async () => {
          listener = undefined;
        },
      };
    },
    present: async () => plugged,
    clock,
    random: seededRandom(1),
  });
  return {
    transport,
    clock,
    plug: async () => {
      plugged = true;
      await clock.advance(Seconds(60));
    },
    unplug: async () => {
      plugged = false;
      listener?.failed();
      await settle();
    },
    send: async (text) => listener?.report(Buffer.from(`${text}\r`)),
  };
}

for (const [kind, makeBench] of [
  ["in-process", inProcessBench],
  ["serial", serialBench],
  ["report", reportBench],
] as const) {
  t.test(`the ${kind} transport`, async (t) => {
    function opened() {
      const bench = makeBench();
      const events: string[] = [];
      bench.transport.open({
        connected: () => events.push("connected"),
        disconnected: (reason) => events.push(`disconnected: ${reason}`),
        frame: (bytes) => events.push(`frame: ${Buffer.from(bytes).toString("latin1")}`),
        misread: ({ code }: SwipewireError) => events.push(code),
        unavailable: () => {},
      });
      t.teardown(() => bench.transport.close());
      return { ...bench, events };
    }

    t.test("tells when a reader comes, brings whole frames, and tells when it goes", async (t) => {
      const { plug, unplug, send, events } = opened();
      await plug();
      await send(";1=2?");
      await send(";3=4?");
      await unplug();
      t.strictSame(events, ["connected", "frame: ;1=2?\r", "frame: ;3=4?\r", "disconnected: unplugged"]);
    });

    t.test("goes on when the reader is plugged in again", async (t) => {
      const { plug, unplug, send, events } = opened();
      await plug();
      await unplug();
      await plug();
      await send(";1=2?");
      t.strictSame(events, ["connected", "disconnected: unplugged", "connected", "frame: ;1=2?\r"]);
    });

    t.test("says that it was closed, once, and then nothing more", async (t) => {
      const { transport, plug, events, clock } = opened();
      await plug();
      await transport.close();
      await transport.close();
      await clock.advance(Seconds(120));
      t.strictSame(events, ["connected", "disconnected: closed"]);
      t.equal(clock.pending, 0, "no timer is left behind");
    });

    t.test("tells the reason that it is closed for", async (t) => {
      const { transport, plug, events } = opened();
      await plug();
      await transport.close("unplugged");
      t.strictSame(events, ["connected", "disconnected: unplugged"]);
    });

    t.test("leaves a reader alone that misbehaves, longer each time, and comes back", async (t) => {
      const { transport, plug, send, events, clock } = opened();
      if (!transport.isolate) {
        t.equal(kind, "in-process");
        return;
      }
      await plug();
      transport.isolate(new ReaderFlooding());
      await clock.advance(Seconds(3));
      await send(";1=2?");
      t.strictSame(events, ["connected", "disconnected: isolated"], "what it sends meanwhile is nobody's");
      await clock.advance(Seconds(6));
      await send(";3=4?");
      t.strictSame(events.slice(2), ["connected", "frame: ;3=4?\r"]);
      transport.isolate(new ReaderFlooding());
      await clock.advance(Seconds(7));
      t.strictSame(events.slice(4), ["disconnected: isolated"], "not yet");
      await transport.close();
      await clock.advance(Seconds(60));
      t.equal(events.length, 5);
    });

    t.test("may be closed before a reader ever came", async (t) => {
      const { transport, events, clock } = opened();
      await transport.close();
      await clock.advance(Seconds(120));
      t.strictSame(events, []);
    });
  });
}
