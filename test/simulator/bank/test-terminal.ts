import { connect, type Socket } from "node:net";
import { encodePinBlockFormat0 } from "@swipewire/protocol/crypto/pin-block";
import { encryptEcb, tdesKey } from "@swipewire/protocol/crypto/tdes";
import { unionPayMac } from "@swipewire/protocol/crypto/unionpay-mac";
import { FrameReader, frame } from "@swipewire/protocol/iso8583/framing";
import {
  macIsRight,
  signOnRequest,
  type UnionPayFields,
  type UnionPayMessage,
  unionPayCodec,
} from "@swipewire/protocol/iso8583/unionpay-messages";
import { transactionRequest } from "@swipewire/protocol/iso8583/unionpay-transactions";
import { unwrapWorkingKeys, type WorkingKeys } from "@swipewire/protocol/iso8583/unionpay-working-keys";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type Bank, type ListeningBankOptions, startBank } from "@swipewire/simulator/bank/bank";
import { pino } from "pino";
import type { Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";

const ascii = (text: string) => new TextEncoder().encode(text);
export const TMK = Uint8Array.from(Buffer.from("0C5F27F0536077FA1BA9D76AA3711100", "hex"));
export const pos = { tpdu: "6000030001", header: "603100310100", terminal: "10016919", merchant: "84329004582000B" };
/** Service code 220, a PIN is demanded; 201, none is. */
export const debit = { name: "debit", pan: ascii("6224242300000069"), pin: ascii("123456") };
export const credit = { name: "credit", pan: ascii("6224242900000113"), pin: ascii("9876") };
export const TRACK = { debit: ";6224242300000069=29122201234567890?", credit: ";6224242900000113=29122011234567890?" };

export async function bank(
  t: Test,
  clock = new SimulatedClock(),
  options: Partial<ListeningBankOptions> = {},
): Promise<Bank> {
  const logger = pino({ level: "silent" });
  const settings = {
    cards: [debit, credit],
    tmk: TMK,
    clock,
    random: seededRandom(3),
    logger,
    host: "127.0.0.1",
    port: 0,
  };
  const started = await startBank({ ...settings, ...options });
  t.teardown(() => started.close());
  return started;
}

/** A terminal that sends what it is told to, right or wrong. */
export class Terminal {
  readonly socket: Socket;
  readonly #t: Test;
  keys: WorkingKeys | undefined;
  /** Do its settlements and uploads carry a MAC? */
  sealsBatches = false;
  readonly #reader = new FrameReader();
  readonly replies: { message: UnionPayMessage; bytes: Uint8Array }[] = [];

  constructor(t: Test, socket: Socket) {
    this.#t = t;
    this.socket = socket;
    socket.on("data", (piece) => {
      for (const bytes of this.#reader.push(piece)) this.replies.push({ message: unionPayCodec.parse(bytes), bytes });
    });
    socket.on("error", () => {});
  }

  static async connect(t: Test, { port }: Bank): Promise<Terminal> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    t.teardown(() => socket.destroy());
    await new Promise((resolve) => socket.once("connect", resolve));
    return new Terminal(t, socket);
  }

  static async signedOn(t: Test, to: Bank): Promise<Terminal> {
    const terminal = await Terminal.connect(t, to);
    const { fields } = await terminal.ask(signOnRequest(pos, 1));
    terminal.keys = unwrapWorkingKeys(tdesKey(TMK), fields[62] ?? new Uint8Array());
    return terminal;
  }

  mac = (covered: Uint8Array) => unionPayMac(this.keys?.mac ?? tdesKey(new Uint8Array(8)), covered);

  send(message: UnionPayMessage): void {
    this.socket.write(frame(unionPayCodec.build(message, this.#seals(message) ? this.mac : undefined)));
  }

  #seals({ mti }: UnionPayMessage): boolean {
    return !mti.startsWith("08") && (this.sealsBatches || !/^0[35]/.test(mti));
  }

  async reply(): Promise<UnionPayMessage> {
    while (this.replies.length === 0) await settle();
    const { message, bytes } = this.replies.shift() as (typeof this.replies)[number];
    if (!this.#seals(message)) this.#t.equal(message.fields[64], undefined, `${message.mti} has no MAC`);
    else if (this.keys) this.#t.ok(macIsRight(bytes, message, this.mac), `${message.mti} has a right MAC`);
    return message;
  }

  ask(message: UnionPayMessage): Promise<UnionPayMessage> {
    this.send(message);
    return this.reply();
  }

  async code(message: UnionPayMessage): Promise<string | undefined> {
    return (await this.ask(message)).fields[39];
  }

  pinBlock(pin: string, pan = debit.pan): Uint8Array {
    return encryptEcb(this.keys?.pin ?? tdesKey(new Uint8Array(16)), encodePinBlockFormat0(ascii(pin), pan));
  }
}

let traces = 0;
export const identity = (amount: number, pin = false) => ({
  trace: ++traces,
  batch: 1,
  amount,
  currency: "CNY",
  pin,
});

export function purchase(
  card: keyof typeof TRACK,
  amount: number,
  pinBlock?: Uint8Array,
  as = identity(amount, pinBlock !== undefined),
) {
  const track2 = SensitiveBytes.copyOf(ascii(TRACK[card]));
  return transactionRequest(pos, "purchase", { ...as, track2, ...(pinBlock && { pinBlock }) });
}
export const withFields = (message: UnionPayMessage, fields: UnionPayFields): UnionPayMessage => ({
  ...message,
  fields: { ...message.fields, ...fields },
});
export function without(message: UnionPayMessage, number: keyof UnionPayFields): UnionPayMessage {
  const { [number]: _, ...fields } = message.fields;
  return { ...message, fields };
}
