import { execFile } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import type { SessionCommand, SessionView } from "@swipewire/protocol/messages/local-session";
import { WebSocket } from "ws";
import { outcomeOf } from "../simulator/script/outcomes.ts";
import type { Machine } from "./machine.ts";

const exec = promisify(execFile);

/** An emulated processor is slow, and a busy host makes it slower. Nothing here is expected to take a tenth of it. */
const LIMIT = 60_000;
const HOST_DAEMON = join(import.meta.dirname, "../../daemon/bin/swipewire-daemon.js");
const DAEMON = "/opt/swipewire/node_modules/@swipewire/daemon/bin/swipewire-daemon.js";
/** Emulation translates machine code when it first meets it: code that is compiled again and again costs more than it saves. */
export const NODE = ["node", "--no-opt", "--no-maglev"];
const AS_PUBLISHED = [...NODE, DAEMON];
/** The daemon's user, in the one group that udev's rules let open the readers. */
const AS_USER = ["/usr/bin/setpriv", "--reuid=kiosk", "--regid=swipewire", "--init-groups"];
const HOME = "/home/kiosk";
const CONFIG = `${HOME}/daemon.json`;
const RULES = "/etc/udev/rules.d/70-swipewire.rules";

export interface Installation {
  readonly gatewayUrl: string;
  /** One-time, for the enrolment. */
  readonly token: string;
  /** Those that the config names. */
  readonly readers: readonly object[];
  /** Readers that the daemon would not know by itself, as its config has them. */
  readonly profiles: readonly object[];
}

export interface LogLine {
  readonly msg: string;
  readonly reader?: string;
  readonly family?: string;
  readonly reason?: string;
  readonly asked?: string;
  readonly code?: string;
}

/** The daemon on the test machine, run by an ordinary user: its log, and its session as the terminal's page has it. */
export class Kiosk {
  readonly #machine: Machine;
  readonly #port: number;
  readonly #program: readonly string[];
  readonly #log: LogLine[] = [];
  readonly #raw: string[] = [];
  #heard = 0;
  #token = "";
  #rules = "";
  #view: SessionView | undefined;
  #changed = Promise.withResolvers<void>();
  #pid = "";
  #gone: Promise<unknown[]> = Promise.resolve([]);

  /** @param program the daemon, and how it is started */
  constructor(machine: Machine, port: number, program: readonly string[] = AS_PUBLISHED) {
    this.#machine = machine;
    this.#port = port;
    this.#program = program;
  }

  /** What an operator does once: the config, udev's rules, the enrolment. */
  async install({ gatewayUrl, token, readers, profiles }: Installation): Promise<void> {
    const machine = this.#machine;
    await machine.run("mkdir", "-p", HOME, "/etc/udev/rules.d");
    await this.#writeConfig({ readers, profiles });
    await machine.run("chown", "-R", "kiosk:swipewire", HOME);
    // The same program prints the same rules there, at ten times the price.
    const { stdout: rules } = await exec(process.execPath, [HOST_DAEMON, "udev-rules"], {
      env: { SWIPEWIRE_DAEMON_PROFILES: JSON.stringify(profiles) },
    });
    this.#rules = rules;
    await this.setRules(true);
    const address = ["--gateway", gatewayUrl, "--token", token, "--name", "Kiosk"];
    await machine.run(...AS_USER, ...this.#program, "enrol", "--config", CONFIG, ...address);
    this.#token = (await machine.run("cat", `${HOME}/state/pairing-token`)).trim();
    await machine.reachMachine(this.#port);
  }

  async #writeConfig(more: object): Promise<void> {
    const config = { stateDir: "state", localApi: { port: this.#port }, ...more };
    await this.#machine.write(CONFIG, JSON.stringify(config));
  }

  /** Other readers than before, while the daemon runs. */
  async reload(readers: readonly object[]): Promise<void> {
    await this.#writeConfig({ readers });
    await this.#machine.run("kill", "-HUP", this.#pid);
    await this.untilLog("the new config", ({ msg }) => msg === "config reloaded");
    await this.#listen();
  }

  /** With udev's rules or without them, for devices that are there and those that come. */
  async setRules(inForce: boolean): Promise<void> {
    await this.#machine.write(RULES, inForce ? this.#rules : "");
    await this.#machine.run("udevadm", "control", "--reload");
    await this.#machine.run("udevadm", "trigger");
  }

  async start(): Promise<void> {
    const command = [...AS_USER, ...this.#program, "run", "--config", CONFIG];
    const daemon = this.#machine.spawn("sh", "-c", `echo $$; exec ${command.join(" ")}`);
    this.#gone = once(daemon, "exit");
    if (!daemon.stdout) throw new TypeError("a pipe without its end");
    createInterface(daemon.stdout).on("line", (line) => {
      this.#raw.push(line);
      if (line.startsWith("{")) this.#log.push(JSON.parse(line));
      else this.#pid = line;
      this.#tell();
    });
    await this.untilLog("the daemon's start", ({ msg }) => msg === "daemon started");
    await this.#listen();
  }

  /** To the session, as the page does whenever the daemon has begun. */
  async #listen(): Promise<void> {
    this.#view = undefined;
    const events = new WebSocket(`ws://127.0.0.1:${this.#port}/v1/events`, [
      "swipewire.v1",
      `swipewire.token.${this.#token}`,
    ]);
    events.on("message", (data) => {
      this.#view = JSON.parse(String(data));
      this.#tell();
    });
    await this.untilView("the gateway", ({ gateway }) => gateway);
  }

  /** SIGTERM. @returns its exit status */
  async stop(): Promise<unknown> {
    await this.#machine.run("kill", this.#pid);
    const [status] = await this.#gone;
    return status;
  }

  /** The user and group that it runs as. */
  async identity(): Promise<string> {
    return (await this.#machine.run("stat", "-c", "%U:%G", `/proc/${this.#pid}`)).trim();
  }

  get pid(): number {
    return Number(this.#pid);
  }

  get log(): string {
    return this.#raw.join("\n");
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** The next line that fits, of those that were not looked at before. */
  untilLog(what: string, fits: (line: LogLine) => boolean): Promise<LogLine> {
    return this.#until(what, () => {
      while (this.#heard < this.#log.length) {
        const line = this.#log[this.#heard++];
        if (line && fits(line)) return line;
      }
      return undefined;
    });
  }

  /** What was told of the reader with this serial number, as scripts name it: once that fits, or by the end of patience. */
  untilTold(serialNumber: string, fits: (told: readonly string[]) => boolean): Promise<readonly string[]> {
    const isOfIt = ({ reader }: LogLine) => reader?.endsWith(`, serial number ${serialNumber}`);
    const told = () => this.#log.filter(isOfIt).flatMap((line) => outcomeOf(line) ?? []);
    return this.#until(serialNumber, () => (fits(told()) ? told() : undefined)).catch(told);
  }

  untilView(what: string, fits: (view: SessionView) => boolean): Promise<SessionView> {
    return this.#until(what, () => (this.#view && fits(this.#view) ? this.#view : undefined));
  }

  async #until<T>(what: string, look: () => T | undefined): Promise<T> {
    const limit = new AbortController();
    const late = setTimeout(LIMIT, "late", { signal: limit.signal }).catch(() => "over");
    try {
      for (;;) {
        const found = look();
        if (found !== undefined) return found;
        if ((await Promise.race([this.#changed.promise, late])) === "late") {
          throw new Error(`waited ${LIMIT / 1000} s in vain for ${what}`);
        }
      }
    } finally {
      limit.abort();
    }
  }

  async command(command: SessionCommand): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/v1/session/commands`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      body: JSON.stringify(command),
    });
    if (!response.ok) throw new Error(`${command.do}: ${response.status} ${await response.text()}`);
  }
}
