import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Test } from "tap";

const run = promisify(execFile);
const SIMULATOR = join(import.meta.dirname, "../../../simulator/bin/swipewire-sim.js");

/** A PulseAudio of this test alone, without sound cards. */
export interface SoundServer {
  pactl(...args: readonly string[]): Promise<string>;
  /** A sink whose monitor records what is played into it. @returns what takes it away again */
  plug(sink: string, channels?: 1 | 2): Promise<() => Promise<unknown>>;
  /** What a command of the simulator gives, played into a sink to its end. */
  play(sink: string, command: "swipe" | "modem", ...flags: readonly string[]): Promise<unknown>;
  /** SIGKILL. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** Programs started from now on find it by the environment. */
export async function startSoundServer(t: Pick<Test, "teardown">): Promise<SoundServer> {
  const folder = await mkdtemp(join(tmpdir(), "swipewire-pulse-"));
  const socket = join(folder, "native");
  process.env["PULSE_SERVER"] = `unix:${socket}`;
  const pactl = async (...args: readonly string[]) => (await run("pactl", args)).stdout.trim();

  const start = async () => {
    const protocol = `module-native-protocol-unix socket=${socket} auth-anonymous=1`;
    // Through shared memory, version 16 aborts now and then when it moves a recording (its issue 824).
    const shared = "--disable-shm=yes";
    const args = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", shared, "-L", protocol];
    const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder };
    const server = spawn("pulseaudio", args, { env, stdio: "ignore" });
    process.once("exit", () => server.kill("SIGKILL"));
    while (server.exitCode === null && server.signalCode === null) {
      // Its socket is there a moment before it answers; pactl waits for that.
      const answers = await pactl("info").then(
        () => true,
        () => false,
      );
      if (answers) return server;
    }
    throw new Error("pulseaudio did not start");
  };
  let server = await start();
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, "exit");
    server.kill("SIGKILL");
    await gone;
  };
  t.teardown(async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    pactl,
    plug: async (sink, channels = 1) => {
      const form = ["format=s16le", "rate=44100", `channels=${channels}`];
      const module = await pactl("load-module", "module-null-sink", `sink_name=${sink}`, ...form);
      return () => pactl("unload-module", module);
    },
    play: (sink, ...command) => run(process.execPath, [SIMULATOR, ...command, "--audio", `pulse:${sink}`]),
    kill,
    restart: async () => {
      server = await start();
    },
  };
}
