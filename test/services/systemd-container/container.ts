import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Test } from "tap";

/** Ends what is mounted with the process: over this machine's own system, in memory. */
const BOOT = `set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
exec systemd-nspawn --boot --quiet --directory="$1/root" --register=no --keep-unit --machine="$2" \\
  --bind="$3:/mnt" --console=read-only --link-journal=no systemd.unit=basic.target
`;

export interface Container {
  /** Runs a program inside. @returns its standard output, without the last line end */
  run(program: string, ...args: string[]): Promise<string>;
}

/**
 * Boots systemd in a container with this machine's programs and network; what is written is gone with the test.
 * @param shared seen as `/mnt` inside
 */
export async function bootContainer(t: Test, shared: string): Promise<Container> {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-container-"));
  const name = `swipewire-${process.pid}`;
  const child: ChildProcess = spawn(
    "unshare",
    ["--mount", "--propagation=private", "sh", "-c", BOOT, "sh", folder, name, shared],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let console = "";
  const booted = new Promise<void>((resolve, reject) => {
    const take = (piece: Buffer) => {
      console += piece;
      if (/Reached target .*basic\.target/.test(console)) resolve();
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("exit", () => reject(new Error(`the container did not boot:\n${console}`)));
  });
  t.teardown(async () => {
    const ended = once(child, "exit");
    // Three times: shut down at once (systemd-nspawn(1)).
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await booted;
  // sh has become unshare's program: one process, whose child is the container's first.
  const leader = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ")[0] ?? "";
  const enter = ["--target", leader, "--mount", "--uts", "--ipc", "--pid", "--cgroup", "--", "env", "-i"];
  const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  return {
    async run(program, ...args) {
      const { stdout } = await promisify(execFile)("nsenter", [...enter, path, program, ...args]);
      return stdout.trimEnd();
    },
  };
}
