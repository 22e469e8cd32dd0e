import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { DataDirectoryNotEmpty, DataDirectoryNotWritable } from "../errors.ts";
import { generateKeyFile } from "../keys/key-file.ts";
import type { GatewayConfig } from "./config-schema.ts";

const CONFIG_FILE = "gateway.json";
const KEY_FILE = "keys.json";

/** Everything on this machine, with the addresses that the simulator listens on. */
const EXAMPLE: GatewayConfig = {
  instance: "gateway",
  http: { host: "127.0.0.1", port: 8080, publicUrl: "http://127.0.0.1:8080", trustedProxies: [] },
  store: { path: "gateway.sqlite" },
  keys: { file: KEY_FILE },
  broker: { kind: "embedded", host: "127.0.0.1", port: 1883 },
  acquirer: {
    host: "127.0.0.1",
    port: 8583,
    terminal: "00000001",
    merchant: "000000000000001",
    dialect: "unionpay",
    tpdu: "6000030000",
    header: "603100311301",
    replySeconds: 60,
    idleSeconds: 60,
  },
  voice: { kind: "simulated", url: "ws://127.0.0.1:5060" },
  sms: { kind: "simulated", url: "ws://127.0.0.1:5060" },
  order: { lifetimeMinutes: 30 },
  settlement: { at: "23:00", timeZone: "Asia/Shanghai" },
  log: { level: "info" },
};

/**
 * Makes a gateway's directory, for its owner only: an example config and a key file with a new sealing key.
 * @returns the paths of both files
 * @throws DataDirectoryNotEmpty | DataDirectoryNotWritable | KeyFileExists
 */
export async function makeDataDirectory(directory: string): Promise<{ config: string; keys: string }> {
  const config = join(directory, CONFIG_FILE);
  const keys = join(directory, KEY_FILE);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await using file = await open(config, "wx", 0o600);
    await file.writeFile(`${JSON.stringify(EXAMPLE, null, 2)}\n`);
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new DataDirectoryNotEmpty({ detail: config, cause });
    throw new DataDirectoryNotWritable({ detail: `${directory}: ${code}`, cause });
  }
  await generateKeyFile(keys);
  return { config, keys };
}
