import { EventEmitter, on } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { BaresipChannel, type BaresipSettings } from "@swipewire/gateway/voice/baresip-channel";
import { systemRandom } from "@swipewire/protocol/random";
import { type Clock, Millis, systemClock } from "@swipewire/protocol/time";
import { pino } from "pino";
import type { Test } from "tap";

export { NUMBER } from "../../gateway/voice-suite.ts";

/** A clock on which everything waits `times` shorter. */
export const hurried = (times: number): Clock => ({
  now: systemClock.now,
  after: (delay, action) => systemClock.after(Millis(delay / times), action),
});

/** A trunk on this machine that asks for nothing, but for its port. */
export const LOCAL_TRUNK = {
  domain: "127.0.0.1",
  transport: "udp",
  user: "gateway",
  register: false,
  srtp: false,
  address: "127.0.0.1",
  sipPort: 0,
  rtpPorts: { from: 16_384, to: 32_767 },
  language: "en",
} as const;

/** A channel over the trunk at `port`, connected; it ends with the test. Nothing it logs holds a number or a digit. */
export async function openBaresip(
  t: Test,
  port: number,
  {
    clock = systemClock,
    connected = true,
    ...changes
  }: Partial<BaresipSettings> & { readonly clock?: Clock; readonly connected?: boolean } = {},
) {
  const log: string[] = [];
  const lines = new EventEmitter();
  const voice = await BaresipChannel.open({
    settings: {
      ...LOCAL_TRUNK,
      port,
      languages: [],
      ...changes,
    },
    clock,
    // Control addresses must not be those of another test file that runs at the same time.
    random: systemRandom,
    logger: pino({}, { write: (line: string) => void lines.emit("line", line, log.push(line)) }),
  });
  t.teardown(async () => {
    await voice.close();
    if (/\+86|138000|sip:/.test(log.join(""))) throw new Error("the log holds a number");
  });
  if (connected) await voice.connected;
  /** Resolves with the next line that holds `text`. */
  const logged = async (text: string): Promise<string> => {
    for await (const [line] of on(lines, "line")) if (line.includes(text)) return line;
    throw new Error("the log has no end");
  };
  return { voice, log, logged };
}

/** Processes named baresip that this one has started. */
export function baresipChildren(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [name, parent] = stat(pid);
      return name === "baresip" && parent === process.pid;
    });
}

/** Name and parent of a process (proc(5), `/proc/pid/stat`). */
function stat(pid: number): readonly [string, number] {
  try {
    const [, name = "", parent = "0"] = /^\d+ \((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return [name, Number(parent)];
  } catch {
    // It has ended meanwhile.
    return ["", 0];
  }
}
