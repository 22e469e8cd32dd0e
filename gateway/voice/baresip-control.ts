import { connect, type Socket } from "node:net";
import { type Clock, Seconds, type Timer } from "@swipewire/protocol/time";
import { VoiceControlSilent } from "../errors.ts";
import { type BaresipMessage, readBaresipMessage } from "./baresip-message.ts";
import { NetstringReader, netstring } from "./netstring.ts";

/** Commands are answered at once; one that is not means that baresip hangs. */
const ANSWER_LIMIT = Seconds(5);

export interface BaresipCommand {
  readonly command: string;
  readonly params?: string;
}

export interface BaresipControlEvents {
  message(message: Exclude<BaresipMessage, { kind: "response" }>): void;
  /** One message could not be read; the others go on. */
  unreadable(error: unknown): void;
  /** The connection is gone, for good; `error` says why where that is known. */
  closed(error: unknown): void;
}

/** One connection to baresip's ctrl_tcp module: commands out, answers and events in. */
export class BaresipControl {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #on: BaresipControlEvents;
  readonly #reader = new NetstringReader();
  readonly #waiting = new Map<string, { answer(data: string | undefined): void; readonly limit: Timer }>();
  #lastToken = 0;

  private constructor(socket: Socket, clock: Clock, on: BaresipControlEvents) {
    this.#socket = socket;
    this.#clock = clock;
    this.#on = on;
    let fault: unknown;
    socket.on("data", (piece: Buffer) => this.#receive(piece));
    socket.on("error", (error) => {
      fault = error;
    });
    socket.on("close", () => {
      this.#reader.wipe();
      for (const { answer, limit } of this.#waiting.values()) {
        limit.cancel();
        answer(undefined);
      }
      this.#waiting.clear();
      on.closed(fault);
    });
  }

  /** @throws the system's error, such as ECONNREFUSED while baresip does not listen yet */
  static async connect(
    to: { readonly host: string; readonly port: number },
    clock: Clock,
    on: BaresipControlEvents,
  ): Promise<BaresipControl> {
    const socket = connect({ ...to, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    socket.removeAllListeners("error");
    return new BaresipControl(socket, clock, on);
  }

  /**
   * Sends commands in one write, so that nothing happens between them.
   * @returns what the last one's answer says; undefined when it was not carried out, or the connection went before that
   */
  send(...commands: readonly BaresipCommand[]): Promise<string | undefined> {
    const tokens = commands.map(() => String(++this.#lastToken));
    const last = tokens.at(-1);
    if (last === undefined || !this.#socket.writable) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const limit = this.#clock.after(ANSWER_LIMIT, () => this.#socket.destroy(new VoiceControlSilent()));
      this.#waiting.set(last, { answer: resolve, limit });
      const texts = commands.map((command, at) => netstring(JSON.stringify({ ...command, token: tokens[at] })));
      this.#socket.write(Buffer.concat(texts));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(piece: Buffer): void {
    let messages: Buffer[];
    try {
      messages = this.#reader.push(piece);
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : undefined);
      return;
    } finally {
      // It may hold a digit of a PIN.
      piece.fill(0);
    }
    for (const bytes of messages) this.#read(bytes);
  }

  #read(bytes: Buffer): void {
    let message: BaresipMessage | undefined;
    try {
      message = readBaresipMessage(bytes);
    } catch (error) {
      this.#on.unreadable(error);
      return;
    }
    if (message?.kind === "response") {
      const waiting = this.#waiting.get(message.token);
      this.#waiting.delete(message.token);
      waiting?.limit.cancel();
      waiting?.answer(message.ok ? message.data : undefined);
    } else if (message) {
      this.#on.message(message);
    }
  }
}
