import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, Seconds } from "@swipewire/protocol/time";
import { accountLine, type SipTrunk } from "./sip-account.ts";

/** Enough for its BYEs. It would wait half a minute longer for its last SIP transactions. */
const QUIT_LIMIT = Seconds(1);
/** How long a peer may send nothing at all: its BYE may have been lost. */
const RTP_TIMEOUT_SECONDS = 30;
const MOST_CALLS = 1_000;
const PROMPT_FILE = "prompt.wav";
const ACCOUNTS_FILE = "accounts";

export interface BaresipSetup {
  readonly trunk: SipTrunk;
  /** The IPv4 address to call from; without one, the system's choice. */
  readonly address?: string;
  /** 0 for any. */
  readonly sipPort: number;
  readonly rtpPorts: { readonly from: number; readonly to: number };
  /** A WAV file, as long as a call may last. */
  readonly prompt: Buffer;
}

export interface ControlAddress {
  readonly host: string;
  readonly port: number;
}

/** The config file: with no module more than calls need, and none that writes anything down. */
function configText({ address, sipPort, rtpPorts }: BaresipSetup, control: ControlAddress): string {
  return [
    ...(address === undefined ? [] : [`net_interface ${address}`]),
    `sip_listen ${address ?? "0.0.0.0"}:${sipPort}`,
    `ctrl_tcp_listen ${control.host}:${control.port}`,
    `call_max_calls ${MOST_CALLS}`,
    // Only incoming calls know this limit, and those are hung up at once.
    "call_local_timeout 5",
    `rtp_ports ${rtpPorts.from}-${rtpPorts.to}`,
    `rtp_timeout ${RTP_TIMEOUT_SECONDS}`,
    // From its own folder: baresip cuts a device's name off at 128 characters.
    `audio_source aufile,${PROMPT_FILE}`,
    // What the payer says goes nowhere.
    "audio_player aubridge,payer",
    "audio_alert aubridge,alert",
    "ausrc_srate 8000",
    "auplay_srate 8000",
    "ausrc_channels 1",
    "auplay_channels 1",
    // There are no busy and ringing tones in it to be played.
    "audio_path .",
    "ringback_disabled yes",
    "statmode_default off",
    "module_path /usr/lib/baresip/modules",
    "module g711.so",
    "module aufile.so",
    "module aubridge.so",
    "module srtp.so",
    "module_tmp account.so",
    "module_app menu.so",
    "module_app ctrl_tcp.so",
    "",
  ].join("\n");
}

/** One run of baresip, a child process that dies with this one. */
export class BaresipProcess {
  /** Resolves when it is gone, with its exit code or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve(code ?? signal ?? "SIGKILL"));
      // It could not even be started.
      child.once("error", () => resolve(127));
    });
  }

  /**
   * @param folder its own, for nobody else to read
   * @throws the system's error when the folder can't be written to
   */
  static async start(setup: BaresipSetup, control: ControlAddress, folder: string): Promise<BaresipProcess> {
    const write = (name: string, content: string | Buffer) => writeFile(join(folder, name), content, { mode: 0o600 });
    await write("config", configText(setup, control));
    await write(ACCOUNTS_FILE, `${accountLine(setup.trunk)}\n`);
    await write(PROMPT_FILE, setup.prompt);
    // setpriv: baresip must not outlive a gateway that is killed. What it prints holds every key pressed.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "baresip", "-f", "."], { cwd: folder, stdio: "ignore" });
    return new BaresipProcess(child, folder);
  }

  /** Once baresip has read its account, the password need not lie there any longer. */
  async forgetAccount(): Promise<void> {
    await rm(join(this.#folder, ACCOUNTS_FILE), { force: true });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Ends it after it has hung up its calls, or at any rate soon. SIGTERM has it send its BYEs. */
  async quit(clock: Clock): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const limit = clock.after(QUIT_LIMIT, () => this.kill());
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await gone;
    limit.cancel();
  }
}
