import { execFile } from "node:child_process";
import { type Clock, type Duration, Millis, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { ServiceManagerDeaf } from "../errors.ts";

/** What the service manager is told, as sd_notify(3) writes it. */
export type Notice = "READY=1" | "RELOADING=1" | "STOPPING=1" | "WATCHDOG=1" | `STATUS=${string}`;

export interface SdNotifyOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends them; by `systemd-notify` unless given. */
  readonly send?: (notices: readonly Notice[]) => Promise<void>;
}

/**
 * The service manager that started this program, told of how it stands. Node has no datagram sockets of the file system,
 * so `systemd-notify` speaks for it: the unit needs `NotifyAccess=all`. Started by anything else, it tells nobody.
 */
export class SdNotify {
  readonly #options: SdNotifyOptions;
  readonly #send: (notices: readonly Notice[]) => Promise<void>;
  #watchdog: Timer | undefined;
  #deaf = false;

  constructor(options: SdNotifyOptions) {
    this.#options = options;
    this.#send = options.send ?? systemdNotify;
  }

  async tell(...notices: readonly Notice[]): Promise<void> {
    if (this.#options.env["NOTIFY_SOCKET"] === undefined) return;
    try {
      await this.#send(notices);
      this.#deaf = false;
    } catch (cause) {
      if (this.#deaf) return;
      this.#deaf = true;
      const { code, message } = new ServiceManagerDeaf({ cause });
      this.#options.logger.warn({ code }, message);
    }
  }

  /** Shows from now on, twice in the time that the unit's `WatchdogSec` gives, that this program's event loop turns. */
  watch(): void {
    const limit = watchdogLimit(this.#options.env);
    if (limit === undefined) return;
    const show = () => {
      void this.tell("WATCHDOG=1");
      this.#watchdog = this.#options.clock.after(Millis(limit / 2), show);
    };
    show();
  }

  /** Ends the watch. */
  close(): void {
    this.#watchdog?.cancel();
  }
}

/** sd_watchdog_enabled(3). A process that another one started inherits the variables, and is not meant. */
function watchdogLimit({ WATCHDOG_USEC: micros, WATCHDOG_PID: pid }: SdNotifyOptions["env"]): Duration | undefined {
  if (micros === undefined || !/^[1-9][0-9]*$/.test(micros)) return undefined;
  return pid === undefined || Number(pid) === process.pid ? Millis(Number(micros) / 1000) : undefined;
}

function systemdNotify(notices: readonly Notice[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile("systemd-notify", [...notices], { timeout: 5000 }, (error) => (error ? reject(error) : resolve()));
  });
}
