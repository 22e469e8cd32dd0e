import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { CallEndCause, PhoneEvent } from "@swipewire/protocol/messages/simulated-phone";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Millis, type Timer } from "@swipewire/protocol/time";
import type { Phone } from "./phone.ts";
import { type RoughLine, RtpKeys } from "./rtp-keys.ts";
import { headerOf, methodOf, readSip, type SipMessage, sipResponse, sipText } from "./sip-message.ts";

/** RFC 3261 17.1.1.1, T1 and T2. */
const FIRST_REPEAT_MS = 500;
const LONGEST_REPEAT_MS = 4_000;
const REPEATS = 7;

const STATUSES: Record<CallEndCause, string> = {
  busy: "486 Busy Here",
  hangup: "603 Decline",
  "no-answer": "480 Temporarily Unavailable",
  unreachable: "404 Not Found",
  failed: "500 Server Internal Error",
};

export interface SipTrunkOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly random: Random;
  /** The phone of a number. */
  readonly phone: (number: string) => Phone;
  /** What the packets of the payer with this number go through; a good line without. */
  readonly line?: (number: string) => RoughLine;
}

/** A SIP trunk over UDP with the phones behind it: keys come as RTP events. It takes calls only, and no registration. */
export interface SipTrunk {
  readonly port: number;
  close(): Promise<void>;
}

export async function startSipTrunk(options: SipTrunkOptions): Promise<SipTrunk> {
  const socket = await listen(options.host, options.port);
  const calls = new Map<string, SipCall>();
  socket.on("message", (datagram, { address, port }) => {
    const message = readSip(datagram);
    const id = headerOf(message, "call-id");
    if (methodOf(message) === "INVITE" && !calls.has(id)) {
      const send = (text: string) => socket.send(text, port, address);
      const contact = `sip:trunk@${options.host}:${socket.address().port}`;
      calls.set(id, new SipCall({ ...options, id, invite: message, contact, send, onEnd: () => calls.delete(id) }));
    } else calls.get(id)?.take(message);
  });
  return {
    port: socket.address().port,
    async close() {
      for (const call of calls.values()) call.drop();
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}

async function listen(host: string, port: number): Promise<Socket> {
  const socket = createSocket("udp4");
  // What gets lost is sent again, as far as SIP goes.
  socket.on("error", () => {});
  socket.bind(port, host);
  await once(socket, "listening");
  return socket;
}

interface SipCallOptions extends Omit<SipTrunkOptions, "port"> {
  readonly id: string;
  readonly invite: SipMessage;
  readonly contact: string;
  readonly send: (text: string) => void;
  readonly onEnd: () => void;
}

class SipCall {
  readonly #options: SipCallOptions;
  readonly #phone: Phone;
  readonly #number: string;
  readonly #tag: string;
  readonly #over = new AbortController();
  readonly #acknowledged = Promise.withResolvers<void>();
  #rtp: Socket | undefined;
  #keys: RtpKeys | undefined;
  /** What the payer does goes out one after the other. */
  #doing: Promise<void> = Promise.resolve();
  #stage: "ringing" | "answered" | "leaving" | "over" = "ringing";
  #last = "";
  #repeat: Timer | undefined;

  constructor(options: SipCallOptions) {
    this.#options = options;
    this.#number = /sip:(\+?\d+)@/.exec(options.invite.start)?.[1] ?? "";
    this.#tag = Buffer.from(options.random.bytes(6)).toString("hex");
    this.#phone = options.phone(this.#number);
    this.#phone.ring(options.id, (event) => {
      this.#doing = this.#doing.then(() => this.#do(event)).catch(() => {});
    });
  }

  take(message: SipMessage): void {
    switch (methodOf(message)) {
      case "INVITE":
        this.#options.send(this.#last);
        break;
      case "ACK":
        this.#repeat?.cancel();
        this.#acknowledged.resolve();
        if (this.#stage === "leaving") this.#end();
        break;
      case "CANCEL":
        this.#options.send(sipResponse(message, "200 OK", { tag: this.#tag }));
        if (this.#stage === "ringing") this.#refuse("487 Request Terminated");
        break;
      case "BYE":
        this.#options.send(sipResponse(message, "200 OK", { tag: this.#tag }));
        this.#end();
        break;
      case "SIP/2.0":
        // Of our BYE.
        if (/ BYE$/.test(headerOf(message, "cseq"))) this.#end();
    }
  }

  /** Lets go of everything, and tells nobody. */
  drop(): void {
    this.#end();
  }

  async #do(event: PhoneEvent): Promise<void> {
    if (event.event === "ringing") {
      if (this.#stage === "ringing") this.#respond("180 Ringing");
    } else if (event.event === "answered") await this.#answer();
    else if (event.event === "key") await this.#keys?.press(event.key);
    else if (this.#stage === "ringing") this.#refuse(STATUSES[event.cause]);
    else if (this.#stage === "answered") this.#hangUp();
  }

  async #answer(): Promise<void> {
    const { host, clock, random, invite, line } = this.#options;
    const rtp = await listen(host, 0);
    if (this.#stage !== "ringing") {
      rtp.close();
      return;
    }
    this.#rtp = rtp;
    const address = /^c=IN IP4 (\S+)/m.exec(invite.body)?.[1] ?? host;
    const port = Number(/^m=audio (\d+)/m.exec(invite.body)?.[1] ?? 0);
    const payloadType = Number(/^a=rtpmap:(\d+) telephone-event\/8000/m.exec(invite.body)?.[1] ?? 101);
    this.#keys = new RtpKeys({
      clock,
      random,
      payloadType,
      signal: this.#over.signal,
      send: (packet) => rtp.send(packet, port, address),
      ...(line ? { line: line(this.#number) } : {}),
    });
    this.#stage = "answered";
    const sdp = [
      "v=0",
      `o=payer 1 1 IN IP4 ${host}`,
      "s=-",
      `c=IN IP4 ${host}`,
      "t=0 0",
      `m=audio ${rtp.address().port} RTP/AVP 0 ${payloadType}`,
      "a=rtpmap:0 PCMU/8000",
      `a=rtpmap:${payloadType} telephone-event/8000`,
      `a=fmtp:${payloadType} 0-15`,
      "",
    ].join("\r\n");
    this.#respond("200 OK", sdp);
    this.#sendAgain();
    // Before that the caller may not listen yet.
    await this.#acknowledged.promise;
  }

  #refuse(status: string): void {
    this.#stage = "leaving";
    this.#respond(status);
    this.#sendAgain();
  }

  #hangUp(): void {
    const { invite, id, host, random } = this.#options;
    const to = headerOf(invite, "to");
    this.#stage = "leaving";
    this.#last = sipText(`BYE ${/<([^>]*)>/.exec(headerOf(invite, "contact"))?.[1] ?? ""} SIP/2.0`, [
      `Via: SIP/2.0/UDP ${host};branch=z9hG4bK${Buffer.from(random.bytes(6)).toString("hex")}`,
      `From: ${to};tag=${this.#tag}`,
      `To: ${headerOf(invite, "from")}`,
      `Call-ID: ${id}`,
      "CSeq: 1 BYE",
      "Max-Forwards: 70",
    ]);
    this.#options.send(this.#last);
    this.#sendAgain();
  }

  #respond(status: string, sdp?: string): void {
    const { invite, contact, send } = this.#options;
    this.#last = sipResponse(invite, status, { tag: this.#tag, contact, ...(sdp === undefined ? {} : { sdp }) });
    send(this.#last);
  }

  /** Until it is acknowledged (RFC 3261 13.3.1.4, 17.2.1), or nobody seems to be there. */
  #sendAgain(repeats = 0): void {
    this.#repeat?.cancel();
    const wait = Millis(Math.min(FIRST_REPEAT_MS * 2 ** repeats, LONGEST_REPEAT_MS));
    this.#repeat = this.#options.clock.after(wait, () => {
      if (repeats === REPEATS) {
        this.#end();
        return;
      }
      this.#options.send(this.#last);
      this.#sendAgain(repeats + 1);
    });
  }

  #end(): void {
    if (this.#stage === "over") return;
    this.#stage = "over";
    this.#over.abort();
    this.#repeat?.cancel();
    this.#rtp?.close();
    this.#options.onEnd();
    this.#phone.disconnect(this.#options.id);
  }
}
