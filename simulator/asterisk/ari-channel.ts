import type { CallEndCause, PhoneEvent } from "@swipewire/protocol/messages/simulated-phone";
import { type Clock, isoTime, Millis, type Timer } from "@swipewire/protocol/time";
import type { Phone } from "../phone/phone.ts";

/** How long a key is heard, as the event at its end tells. */
const KEY_MS = 100;

/** ITU-T Q.850 causes as Asterisk names them (causes.h, `ast_cause2str`). */
const CAUSE_TEXTS: Record<number, string> = {
  0: "Unknown",
  16: "Normal Clearing",
  17: "User busy",
  19: "User alerting, no answer",
  38: "Network out of order",
};

const CAUSES: Record<CallEndCause, number> = { hangup: 0, busy: 17, "no-answer": 19, unreachable: 19, failed: 38 };
const DIAL_STATUSES: Record<number, string> = { 16: "CANCEL", 17: "BUSY", 19: "NOANSWER" };

export interface AriChannelOptions {
  readonly id: string;
  readonly number: string;
  readonly app: string;
  readonly callerId: string;
  readonly phone: Phone;
  readonly clock: Clock;
  readonly timeout: Timer;
  /** To the application; false when nobody has it. */
  readonly tell: (event: object) => boolean;
  readonly onEnd: () => void;
}

/** One outgoing channel of Asterisk, with a phone of the simulator at its end. */
export class SimulatedAriChannel {
  readonly id: string;
  readonly #options: AriChannelOptions;
  readonly #created: string;
  #state: "Down" | "Ringing" | "Up" = "Down";
  #inStasis = false;
  #over = false;
  #cause: number | undefined;

  constructor(options: AriChannelOptions) {
    this.id = options.id;
    this.#options = options;
    this.#created = ariTime(options.clock);
  }

  /** Whether it has entered the application, and not left it. */
  get inStasis(): boolean {
    return this.#inStasis;
  }

  get app(): string {
    return this.#options.app;
  }

  dial(): void {
    this.#dialStatus("");
    this.#options.phone.ring(this.id, (event) => this.#take(event));
  }

  /** @param cause why, from this side */
  hangUp(cause: number): void {
    this.#cause = cause;
    if (this.#inStasis) this.#tell("ChannelHangupRequest", { cause, soft: true });
    this.#options.phone.disconnect(this.id);
  }

  /** The model `Channel`. */
  snapshot(): object {
    const { number, callerId, app } = this.#options;
    return {
      id: this.id,
      name: `PJSIP/trunk-${this.id.slice(-8)}`,
      state: this.#state,
      protocol_id: this.id,
      caller: { name: "", number: callerId },
      connected: { name: "", number: callerId },
      accountcode: "",
      dialplan: {
        context: "default",
        exten: number,
        priority: 1,
        app_name: this.#inStasis ? "Stasis" : "AppDial2",
        app_data: this.#inStasis ? app : "(Outgoing Line)",
      },
      creationtime: this.#created,
      language: "en",
    };
  }

  #take(event: PhoneEvent): void {
    if (this.#over) return;
    switch (event.event) {
      case "ringing":
        this.#state = "Ringing";
        this.#tell("ChannelStateChange");
        this.#dialStatus("RINGING");
        break;
      case "answered":
        this.#options.timeout.cancel();
        this.#state = "Up";
        this.#tell("ChannelStateChange");
        this.#dialStatus("ANSWER");
        this.#inStasis = true;
        // Without its application a channel can't be kept.
        if (!this.#tell("StasisStart", { args: [] })) this.hangUp(16);
        break;
      case "key":
        // Asterisk tells of a key when it ends.
        this.#options.clock.after(Millis(KEY_MS), () => {
          if (!this.#over) this.#tell("ChannelDtmfReceived", { digit: event.key, duration_ms: KEY_MS });
        });
        break;
      default:
        this.#end(this.#cause ?? CAUSES[event.cause], this.#cause === undefined);
    }
  }

  #end(cause: number, byPeer: boolean): void {
    this.#over = true;
    this.#options.timeout.cancel();
    if (this.#inStasis) {
      if (byPeer) this.#tell("ChannelHangupRequest", { cause: 16 });
      this.#inStasis = false;
      this.#tell("StasisEnd");
    } else this.#dialStatus(DIAL_STATUSES[cause] ?? "CHANUNAVAIL");
    this.#options.onEnd();
    this.#tell("ChannelDestroyed", { cause, cause_txt: CAUSE_TEXTS[cause] ?? "Unknown" });
  }

  #dialStatus(dialstatus: string): void {
    const { number, app, clock, tell } = this.#options;
    tell({
      type: "Dial",
      application: app,
      timestamp: ariTime(clock),
      dialstatus,
      forward: "",
      dialstring: `${number}@trunk`,
      peer: this.snapshot(),
    });
  }

  #tell(type: string, more: object = {}): boolean {
    const { app, clock, tell } = this.#options;
    return tell({ type, application: app, timestamp: ariTime(clock), ...more, channel: this.snapshot() });
  }
}

/** A date as Asterisk writes it, with its time zone without a colon. */
export const ariTime = (clock: Clock): string => isoTime(clock.now()).replace("Z", "+0000");
