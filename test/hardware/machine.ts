import { type ChildProcess, type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** Booting on an emulated processor takes 10 to 20 s on a quiet machine. */
const BOOT_LIMIT = 120_000;
const COMMAND_LIMIT = 60_000;

export interface MachineImage {
  readonly vmlinux: string;
  readonly initrd: string;
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** An emulated PC with a stock kernel. It is commanded by ssh. */
export class Machine {
  readonly #qemu: ChildProcess;
  readonly #ssh: readonly string[];
  readonly #console: string[] = [];

  private constructor(qemu: ChildProcess, lines: Interface, socket: string) {
    this.#qemu = qemu;
    this.#ssh = ["-S", socket, "root@127.0.0.1"];
    lines.on("line", (line) => this.#console.push(line));
  }

  /** @param folder for the key and the socket of ssh; its path is short, since a socket's may be 108 bytes */
  static async start({ vmlinux, initrd }: MachineImage, { folder, port }: { folder: string; port: number }) {
    const key = join(folder, "key");
    await exec("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key]);
    const { stdout } = await exec("cut", ["-d ", "-f2", `${key}.pub`]);
    const kernelWords = [
      ...["console=ttyS0", "quiet", "panic=-1", "net.ifnames=0", "mitigations=off", "tsc=reliable", "no_timer_check"],
      `ssh_key=${stdout.trim()}`,
    ];
    const qemu = spawn(
      "qemu-system-x86_64",
      [
        ...["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem", "-M", "q35", "-m", "1536"],
        ...["-kernel", vmlinux, "-initrd", initrd, "-append", kernelWords.join(" ")],
        ...[
          "-netdev",
          `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:22`,
          "-device",
          "virtio-net-pci,netdev=net,romfile=",
        ],
        ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const lines = createInterface(qemu.stdout);
    const machine = new Machine(qemu, lines, join(folder, "ssh"));
    try {
      await machine.#up(lines);
      await machine.#connect(key, port);
    } catch (error) {
      await machine.stop();
      throw new Error(`the machine did not start:\n${machine.console}`, { cause: error });
    }
    return machine;
  }

  async #up(lines: Interface): Promise<void> {
    const limit = AbortSignal.timeout(BOOT_LIMIT);
    const gone = new AbortController();
    this.#qemu.once("exit", () => gone.abort());
    const signal = AbortSignal.any([limit, gone.signal]);
    while (!this.#console.some((line) => line.includes("kiosk is up"))) await once(lines, "line", { signal });
  }

  async #connect(key: string, port: number): Promise<void> {
    const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"];
    const ssh = spawn(
      "ssh",
      ["-f", "-N", "-M", "-p", `${port}`, "-i", key, ...options.flatMap((option) => ["-o", option]), ...this.#ssh],
      { stdio: ["ignore", "ignore", "inherit"], timeout: COMMAND_LIMIT },
    );
    const [code] = await once(ssh, "exit");
    if (code !== 0) throw new Error("ssh did not get in");
  }

  /** What the kernel and the first program wrote. */
  get console(): string {
    return this.#console.join("\n");
  }

  /** @returns its standard output. @throws with both its outputs when it fails */
  async run(...command: string[]): Promise<string> {
    const { stdout } = await exec("ssh", [...this.#ssh, command.map(quoted).join(" ")], { timeout: COMMAND_LIMIT });
    return stdout;
  }

  /** Starts a program that goes on; its end is the caller's. */
  spawn(...command: string[]): ChildProcess {
    return spawn("ssh", [...this.#ssh, command.map(quoted).join(" ")], { stdio: ["ignore", "pipe", "inherit"] });
  }

  /** A program that is typed to; the end of its input is the caller's. */
  talkTo(...command: string[]): ChildProcessWithoutNullStreams {
    const program = spawn("ssh", [...this.#ssh, command.map(quoted).join(" ")]);
    program.stderr.pipe(process.stderr);
    return program;
  }

  /** A file of the machine. */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    const cat = spawn("ssh", [...this.#ssh, `cat >${quoted(path)}`], { stdio: ["pipe", "ignore", "inherit"] });
    cat.stdin.end(content);
    const [code] = await once(cat, "exit");
    if (code !== 0) throw new Error(`${path} was not written`);
  }

  /** On the machine, this port of its loopback is the host's. */
  async reachHost(port: number): Promise<void> {
    await this.#forward("-R", port);
  }

  /** Here, this port is the machine's. */
  async reachMachine(port: number): Promise<void> {
    await this.#forward("-L", port);
  }

  async #forward(way: "-L" | "-R", port: number): Promise<void> {
    await exec("ssh", ["-O", "forward", way, `127.0.0.1:${port}:127.0.0.1:${port}`, ...this.#ssh]);
  }

  async stop(): Promise<void> {
    await exec("ssh", ["-O", "exit", ...this.#ssh]).catch(() => {});
    if (this.#qemu.exitCode === null && this.#qemu.signalCode === null) {
      const gone = once(this.#qemu, "exit");
      this.#qemu.kill("SIGKILL");
      await gone;
    }
  }
}
