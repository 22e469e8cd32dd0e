import type { EventEmitter } from "node:events";
import type { Logger } from "pino";
import type { DaemonConfig } from "../config/config-schema.ts";
import { ConfigInvalid } from "../errors.ts";
import { whenIdle } from "../session/when-idle.ts";
import type { SdNotify } from "./sd-notify.ts";

/** What a service needs of the daemon that it runs. */
export interface ServedDaemon {
  readonly session: Parameters<typeof whenIdle>[0];
  close(): Promise<void>;
}

export interface ServiceOptions {
  /** @throws ConfigInvalid */
  readonly load: () => DaemonConfig;
  readonly begin: (config: DaemonConfig) => Promise<ServedDaemon>;
  readonly sdNotify: SdNotify;
  /** Where SIGTERM, SIGINT and SIGHUP are told: `process`. */
  readonly signals: EventEmitter;
  readonly logger: Logger;
}

/** The daemon as a service: it stops on SIGTERM and SIGINT, and takes its config anew on SIGHUP. */
export class Service {
  readonly #options: ServiceOptions;
  #config: DaemonConfig;
  #daemon: ServedDaemon;
  /** Waits until nobody is at the terminal. */
  #next: DaemonConfig | undefined;
  /** The change from one config to the next, while it is under way. */
  #change: Promise<void> | undefined;
  #stopping = false;

  private constructor(options: ServiceOptions, config: DaemonConfig, daemon: ServedDaemon) {
    this.#options = options;
    this.#config = config;
    this.#daemon = daemon;
  }

  /**
   * Starts, and tells the service manager so.
   * @returns once it has stopped
   * @throws what starting throws; after a reload only where neither the new config nor the old can be started
   */
  static async run(options: ServiceOptions): Promise<void> {
    const { load, begin, sdNotify, signals } = options;
    const config = load();
    const service = new Service(options, config, await begin(config));
    sdNotify.watch();
    await sdNotify.tell("READY=1");
    await new Promise<void>((resolve, reject) => {
      const stop = (signal: NodeJS.Signals) => {
        // A second signal ends the process at once, as it would without this.
        signals.off("SIGTERM", stop).off("SIGINT", stop).off("SIGHUP", reload);
        service.#stop(signal).then(resolve, reject);
      };
      const reload = () => void service.#reload().catch(reject);
      signals.on("SIGTERM", stop).on("SIGINT", stop).on("SIGHUP", reload);
    }).finally(() => sdNotify.close());
  }

  async #stop(signal: NodeJS.Signals): Promise<void> {
    this.#stopping = true;
    this.#options.logger.info({ signal }, "daemon stopping");
    await this.#options.sdNotify.tell("STOPPING=1");
    await this.#change;
    await this.#daemon.close();
  }

  /** A config that is wrong changes nothing; a payer who is at the terminal is not interrupted. */
  async #reload(): Promise<void> {
    const { load, logger } = this.#options;
    let next: DaemonConfig;
    try {
      next = load();
    } catch (error) {
      if (!(error instanceof ConfigInvalid)) throw error;
      logger.error(
        { code: error.code, problems: error.problems },
        "the new config is wrong; going on with the old one",
      );
      return;
    }
    const waits = this.#next !== undefined;
    this.#next = next;
    if (waits) return;
    await whenIdle(this.#daemon.session);
    if (this.#stopping) return;
    this.#change = this.#changeTo(this.#next);
    this.#next = undefined;
    await this.#change;
  }

  async #changeTo(next: DaemonConfig): Promise<void> {
    const { begin, sdNotify, logger } = this.#options;
    await sdNotify.tell("RELOADING=1");
    await this.#daemon.close();
    try {
      this.#daemon = await begin(next);
      this.#config = next;
      logger.info("config reloaded");
    } catch (error) {
      logger.error({ code: codeOf(error) }, "the new config cannot be started; going on with the old one");
      this.#daemon = await begin(this.#config);
    }
    await sdNotify.tell("READY=1");
  }
}

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "unknown");
