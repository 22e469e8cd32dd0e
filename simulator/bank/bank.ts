import { createServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { tdesKey } from "@swipewire/protocol/crypto/tdes";
import { unionPayMac } from "@swipewire/protocol/crypto/unionpay-mac";
import { type Failure, SwipewireError } from "@swipewire/protocol/failure";
import { wipeMessage } from "@swipewire/protocol/iso8583/codec";
import { FrameReader, frame } from "@swipewire/protocol/iso8583/framing";
import { type PosDialectName, posCodecs } from "@swipewire/protocol/iso8583/pos-codecs";
import type { PosCodec } from "@swipewire/protocol/iso8583/pos-dialect";
import { settlementRules } from "@swipewire/protocol/iso8583/settlement-rules";
import {
  asksForEcho,
  asksToSignOff,
  asksToSignOn,
  macIsRight,
  replyTo,
  type UnionPayFields,
  type UnionPayMessage,
  type WorkingKeySet,
} from "@swipewire/protocol/iso8583/unionpay-messages";
import { type WorkingKeys, wrapWorkingKeys } from "@swipewire/protocol/iso8583/unionpay-working-keys";
import type { Random } from "@swipewire/protocol/random";
import type { Clock, Duration, Instant, Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { BankMacInvalid, BankMessageUnsupported, BankNotListening } from "../errors.ts";
import { type FaultPlan, HELD, LATE, type ReplyFault } from "./amount-rules.ts";
import { type BankCard, Books } from "./books.ts";
import { decide } from "./decision.ts";
import { type Answer, amountOf, keyOf } from "./posting.ts";
import type { BankSettlement } from "./settlement.ts";

export interface BankOptions {
  readonly cards: readonly BankCard[];
  /** Terminal master key of every terminal, 16 bytes. */
  readonly tmk: Uint8Array;
  /** UnionPay's unless told. */
  readonly dialect?: PosDialectName;
  /** Where it wants batches closed otherwise than its dialect's banks usually do. */
  readonly settlement?: Partial<BankSettlement>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Faults beside those that the amounts ask for. */
  readonly plan?: FaultPlan;
  /** Of a bank that was closed before; `cards` are not looked at then. */
  readonly books?: Books;
}

export interface ListeningBankOptions extends BankOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** A bank host that speaks a dialect of POS messages and answers as {@link amountRules} and its books say. */
export interface Bank {
  /** 0 where it does not listen. */
  readonly port: number;
  readonly books: Books;
  /** Serves a terminal on a connection that came another way than by TCP. */
  serve(connection: Duplex): void;
  /** What was wrong with the messages it got, by the failure's code. */
  readonly failures: ReadonlyMap<string, number>;
  /** Ends at once, as when its process is killed: what was to be answered is not. Only the books stay. */
  close(): Promise<void>;
}

/** A bank that listens. @throws BankNotListening */
export async function startBank({ host, port, ...options }: ListeningBankOptions): Promise<Bank> {
  const bank = new BankHost(options);
  await bank.listen(host, port);
  return bank;
}

/** A bank that listens nowhere: it gets its connections by {@link Bank.serve}. */
export const openBank = (options: BankOptions): Bank => new BankHost(options);

class BankHost implements Bank {
  readonly books: Books;
  readonly #options: BankOptions;
  readonly #codec: PosCodec;
  readonly #settlement: BankSettlement;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  /** What is still under way, either way. */
  readonly #underWay = new Set<Timer>();
  /** Where a terminal signed on last. */
  readonly #lines = new Map<string, Duplex>();
  readonly #failures = new Map<string, number>();
  /** By terminal; a bank that starts again knows none, so its terminals have to sign on anew. */
  readonly #keys = new Map<string, WorkingKeys>();

  constructor(options: BankOptions) {
    this.#options = options;
    const { dialect = "unionpay" } = options;
    this.#codec = posCodecs[dialect];
    this.#settlement = { ...settlementRules[dialect], code: true, ...options.settlement };
    this.books = options.books ?? new Books(options.cards);
    this.#server = createServer({ noDelay: true }, (socket) => this.serve(socket));
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  get failures(): ReadonlyMap<string, number> {
    return this.#failures;
  }

  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause) => reject(new BankNotListening({ cause })));
      this.#server.listen({ host, port }, resolve);
    });
  }

  async close(): Promise<void> {
    for (const timer of this.#underWay) timer.cancel();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  serve(socket: Duplex): void {
    const reader = new FrameReader();
    this.#sockets.add(socket);
    socket.on("data", (piece) => {
      try {
        for (const bytes of reader.push(piece)) this.#take(socket, bytes);
      } catch (error) {
        this.#count(error);
        socket.destroy();
      } finally {
        piece.fill(0);
      }
    });
    socket.on("end", () => socket.destroy());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#options.logger.info({ reason: error.code }, "a terminal's line failed");
    });
    socket.on("close", () => {
      reader.clear();
      this.#sockets.delete(socket);
    });
  }

  /** Whatever is wrong with one message costs only that message. */
  #take(socket: Duplex, bytes: Uint8Array): void {
    try {
      const message = this.#codec.parse(bytes);
      try {
        this.#answer(socket, message, bytes);
      } finally {
        wipeMessage(message);
      }
    } catch (error) {
      this.#count(error);
    } finally {
      bytes.fill(0);
    }
  }

  #answer(socket: Duplex, request: UnionPayMessage, bytes: Uint8Array): void {
    const { clock } = this.#options;
    const at = clock.now();
    const keySet = asksToSignOn(request);
    if (keySet) {
      const { 41: terminal = "", 60: asked = "" } = request.fields;
      this.#lines.set(terminal, socket);
      const batch = this.books.batches.nextAfterClosed(terminal);
      this.#send(
        socket,
        replyTo(request, "00", {
          ...localTime(at),
          62: this.#newKeys(request, keySet),
          ...(batch !== undefined && { 60: asked.slice(0, 2) + batch + asked.slice(8) }),
        }),
      );
      return;
    }
    if (asksForEcho(request) || asksToSignOff(request)) {
      if (asksToSignOff(request)) this.#keys.delete(request.fields[41] ?? "");
      this.#send(socket, replyTo(request, "00", localTime(at)));
      return;
    }
    if (!SEALED.includes(request.mti)) {
      throw new BankMessageUnsupported({ detail: `MTI ${request.mti}` });
    }
    const keys = this.#keysOf(request);
    if (!keys || !this.#isSealedRight(request, bytes, keys)) {
      this.#count(new BankMacInvalid({ detail: `MTI ${request.mti}` }));
      this.#send(socket, replyTo(request, "A0", localTime(at)), keys);
      return;
    }
    const planned = this.#options.plan?.({ mti: request.mti, ...keyOf(request), amount: amountOf(request) });
    const decided = planned?.request ?? decide(request, keys.pin, this.books, this.#settlement, { at, held: false });
    switch (decided) {
      case "lose":
        return;
      case "hold":
        this.#hold(socket, bytes.slice(), keys, planned?.reply);
        return;
      default:
        this.#deliver(socket, request, decided, planned?.reply);
    }
  }

  #isSealedRight(request: UnionPayMessage, bytes: Uint8Array, keys: WorkingKeys): boolean {
    const unsealed = BATCH.includes(request.mti) && !this.#settlement.mac && request.fields[64] === undefined;
    return unsealed || macIsRight(bytes, request, (covered) => unionPayMac(keys.mac, covered), this.#codec);
  }

  /** @param keys that the terminal had when it sent it */
  #hold(socket: Duplex, bytes: Uint8Array, keys: WorkingKeys, reply?: ReplyFault): void {
    this.#later(HELD, () => {
      const request = this.#codec.parse(bytes);
      bytes.fill(0);
      const decided = decide(request, keys.pin, this.books, this.#settlement, {
        at: this.#options.clock.now(),
        held: true,
      });
      wipeMessage(request);
      if (typeof decided === "object") this.#deliver(socket, request, decided, reply);
    });
  }

  #later(delay: Duration, action: () => void): void {
    const timer = this.#options.clock.after(delay, () => {
      this.#underWay.delete(timer);
      action();
    });
    this.#underWay.add(timer);
  }

  #deliver(socket: Duplex, request: UnionPayMessage, answer: Answer, planned: ReplyFault = answer.reply): void {
    const { responseCode, fields } = answer;
    const whole = replyTo(request, responseCode, { ...localTime(this.#options.clock.now()), ...fields });
    const message = request.mti === "0500" && !this.#settlement.code ? withoutCode(whole) : whole;
    const { 41: terminal = "", 64: mac } = request.fields;
    const send = (reply: UnionPayMessage = message) => {
      // The terminal may have lost its line and signed on again meanwhile.
      const line = socket.destroyed ? this.#lines.get(terminal) : socket;
      if (line) this.#send(line, reply, mac && this.#keysOf(request));
    };
    switch (planned) {
      case "none":
        send();
        return;
      case "never":
        return;
      case "late":
        this.#later(LATE, send);
        return;
      case "twice":
        send();
        send();
        return;
      case "wrong-amount":
        send({ ...message, fields: { ...message.fields, 4: String(amountOf(request) + 1).padStart(12, "0") } });
        return;
      case "wrong-mac":
        // Not what any key gives: lower-case characters.
        this.#send(socket, { ...message, fields: { ...message.fields, 64: new TextEncoder().encode("deadbeef") } });
        return;
      case "hang-up":
        socket.destroy();
    }
  }

  /** @param keys whose MAC key seals it, where it is sealed */
  #send(socket: Duplex, message: UnionPayMessage, keys?: WorkingKeys): void {
    if (socket.destroyed) return;
    const wire = this.#codec.build(message, keys && ((covered) => unionPayMac(keys.mac, covered)));
    socket.write(frame(wire));
  }

  /** Working keys of a terminal, fresh with every sign-on. @returns field 62 */
  #newKeys({ fields }: UnionPayMessage, set: WorkingKeySet): Uint8Array {
    const { random, tmk } = this.#options;
    const length = set === "single" ? 8 : 16;
    const clear = {
      pin: random.bytes(length),
      mac: random.bytes(8),
      ...(set === "double-and-track" && { track: random.bytes(16) }),
    };
    const field62 = wrapWorkingKeys(tdesKey(tmk), clear, set);
    this.#keys.set(fields[41] ?? "", { pin: tdesKey(clear.pin), mac: tdesKey(clear.mac) });
    for (const key of Object.values(clear)) key.fill(0);
    return field62;
  }

  #keysOf({ fields }: UnionPayMessage): WorkingKeys | undefined {
    return this.#keys.get(fields[41] ?? "");
  }

  #count(error: unknown): void {
    const failure = error instanceof SwipewireError ? (error as Failure<string>) : undefined;
    const code = failure?.code ?? "bank_fault";
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
    this.#options.logger.warn({ code, detail: failure?.message }, "a terminal's message was not taken");
  }
}

/** Messages about a batch, which carry a MAC at some banks. */
const BATCH: readonly string[] = ["0320", "0500"];
/** Messages that carry one: all but those of the network itself. */
const SEALED: readonly string[] = ["0100", "0200", "0220", "0400", ...BATCH];

function withoutCode({ fields: { 39: _, ...fields }, ...message }: UnionPayMessage): UnionPayMessage {
  return { ...message, fields };
}

const beijing = new Intl.DateTimeFormat("sv-SE", {
  timeZone: "Asia/Shanghai",
  dateStyle: "short",
  timeStyle: "medium",
});

/** Fields 12 and 13. */
function localTime(at: Instant): UnionPayFields {
  // sv-SE writes 2026-11-01 20:00:00.
  const digits = beijing.format(at).replaceAll(/\D/g, "");
  return { 12: digits.slice(8), 13: digits.slice(4, 8) };
}
