import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { GatewayConfig } from "@swipewire/gateway/config/config-schema";

const PROGRAM = join(import.meta.dirname, "../../gateway/bin/swipewire-gateway.js");
const run = promisify(execFile);

/** The gateway as its operator runs it: a process of its own, with a config file. */
export interface GatewayProcess {
  readonly httpUrl: string;
  readonly brokerPort: number;
  /** All it wrote, to both its outputs. */
  written(): string;
  /** SIGKILL: no goodbye to anyone. */
  kill(): Promise<void>;
  /** SIGTERM. @returns the exit code */
  stop(): Promise<number | null>;
}

export async function writeConfig(folder: string, config: GatewayConfig): Promise<string> {
  const file = join(folder, "gateway.json");
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** Starts it and waits until it says that it is up. */
export async function startGatewayProcess(config: string): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [PROGRAM, "run", "--config", config], { stdio: ["ignore", "pipe", "pipe"] });
  const chunks: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
  const up = Promise.withResolvers<{ http: string; broker: string }>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    chunks.push(line);
    if (line.includes('"gateway is up"')) up.resolve(JSON.parse(line));
  });
  const gone = once(child, "exit");
  gone.then(() => up.reject(new Error(`the gateway did not start:\n${chunks.join("\n")}`)), up.reject);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await gone;
    return child.exitCode;
  };
  const { http, broker } = await up.promise;
  return {
    httpUrl: http,
    brokerPort: Number(new URL(broker).port),
    written: () => chunks.join("\n"),
    kill: async () => {
      await end("SIGKILL");
    },
    stop: () => end("SIGTERM"),
  };
}

/** `swipewire-gateway merchant add`, and the two secrets that it shows once. */
export async function addMerchant(
  config: string,
  webhookUrl: string,
): Promise<{ merchant: string; apiKey: string; webhookSecret: string }> {
  const { stdout } = await run(process.execPath, [
    PROGRAM,
    ...["merchant", "add", "--config", config, "--code", "shop-1", "--name", "Shop", "--webhook", webhookUrl],
  ]);
  const shown = (label: string) => new RegExp(`^${label}\\s+(\\S+)$`, "m").exec(stdout)?.[1] ?? "";
  return { merchant: shown("merchant"), apiKey: shown("API key"), webhookSecret: shown("webhook secret") };
}

/** `swipewire-gateway terminal token`. */
export async function terminalToken(config: string): Promise<string> {
  const { stdout } = await run(process.execPath, [PROGRAM, "terminal", "token", "--config", config]);
  return /--token (\S+)/.exec(stdout)?.[1] ?? "";
}

/** A command beside a gateway that may be running. */
export const gatewayCommand = (
  config: string,
  ...args: string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> =>
  run(process.execPath, [PROGRAM, ...args, "--config", config]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
