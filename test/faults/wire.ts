import { Duplex } from "node:stream";
import { FrameReader, frame } from "@swipewire/protocol/iso8583/framing";
import { replyMti, unionPayCodec } from "@swipewire/protocol/iso8583/unionpay-messages";
import { type Clock, Seconds } from "@swipewire/protocol/time";

/** What becomes of one message that moves money, and of its reply. */
export const wireFaults = [
  "none",
  "request lost",
  /** Longer than its reversal takes. */
  "request held",
  "reply lost",
  "reply late",
  "reply twice",
  "reply garbled",
  "cut before the bank",
  "cut after the bank",
] as const;
export type WireFault = (typeof wireFaults)[number];

/** Longer than a terminal waits for a reply. */
const HELD = Seconds(80);
const MONEY = ["0200", "0220", "0400"];

/** The line between gateway and bank, message by message; faults come in the order in which they are planned. */
export class Wire {
  readonly #clock: Clock;
  readonly #serve: (connection: Duplex) => void;
  readonly #planned: WireFault[] = [];

  /** @param serve the bank's end */
  constructor(clock: Clock, serve: (connection: Duplex) => void) {
    this.#clock = clock;
    this.#serve = serve;
  }

  plan(faults: readonly WireFault[]): void {
    this.#planned.push(...faults);
  }

  heal(): void {
    this.#planned.length = 0;
  }

  /** A new connection, as the gateway sees it. */
  dial(): Duplex {
    const repliesFault = new Map<string, WireFault>();
    const cut = () => {
      gateway.destroy();
      bank.destroy();
    };
    const gateway: Duplex = endOf((message) => {
      const { mti, trace } = nameOf(message);
      const fault = MONEY.includes(mti) ? (this.#planned.shift() ?? "none") : "none";
      repliesFault.set(`${replyMti(mti)} ${trace}`, fault);
      if (fault === "cut before the bank") cut();
      else if (fault === "request held") this.#clock.after(HELD, () => send(bank, message));
      else if (fault !== "request lost") send(bank, message);
    }, cut);
    const bank: Duplex = endOf((message) => {
      const { mti, trace } = nameOf(message);
      const fault = repliesFault.get(`${mti} ${trace}`);
      if (fault === "reply lost") return;
      if (fault === "cut after the bank") {
        cut();
        return;
      }
      if (fault === "reply garbled") message[message.length - 1] = 0;
      if (fault === "reply late") this.#clock.after(HELD, () => send(gateway, message));
      else send(gateway, message);
      if (fault === "reply twice") send(gateway, message);
    }, cut);
    this.#serve(bank);
    queueMicrotask(() => gateway.emit("connect"));
    return gateway;
  }
}

/** One end of the line; `take` gets each message that is written to it. */
function endOf(take: (message: Uint8Array) => void, onClose: () => void): Duplex {
  const reader = new FrameReader();
  return new Duplex({
    read() {},
    write(piece: Uint8Array, _encoding, done) {
      for (const message of reader.push(piece)) take(message);
      done();
    },
  })
    .on("close", onClose)
    .on("error", () => {});
}

/** Not at once, as on any line. */
function send(end: Duplex, message: Uint8Array): void {
  const framed = frame(message);
  setImmediate(() => {
    if (!end.destroyed) end.push(framed);
  });
}

function nameOf(message: Uint8Array): { mti: string; trace: string | undefined } {
  const { mti, fields } = unionPayCodec.parse(message);
  return { mti, trace: fields[11] };
}
