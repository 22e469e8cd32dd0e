import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { Random } from "@swipewire/protocol/random";
import type { Clock } from "@swipewire/protocol/time";
import { DataDirectoryNotEmpty, DataDirectoryNotWritable } from "../errors.ts";
import { makeKeyFile } from "../keys/open-keys.ts";
import type { GatewayConfig } from "./config-schema.ts";

const CONFIG_FILE = "gateway.json";
const KEY_FILE = "keys.json";
const SECRET_FILE = "keys.secret";

/** Everything on this machine, with the addresses that the simulator listens on. */
const EXAMPLE: GatewayConfig = {
  instance: "gateway",
  http: { host: "127.0.0.1", port: 8080, publicUrl: "http://127.0.0.1:8080", trustedProxies: [] },
  store: { path: "gateway.sqlite" },
  keys: { kind: "file", file: KEY_FILE, secretFile: SECRET_FILE },
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
 * Makes a gateway's directory, for its owner only: an example config, and a key file with a new envelope key beside its passphrase.
 * @returns the paths of the files
 * @throws DataDirectoryNotEmpty | DataDirectoryNotWritable | KeyFileExists | KeySecretExists
 */
export async function makeDataDirectory(
  directory: string,
  options: { readonly clock: Clock; readonly random: Random },
): Promise<{ config: string; keys: string; secret: string }> {
  const config = join(directory, CONFIG_FILE);
  const keys = join(directory, KEY_FILE);
  const secret = join(directory, SECRET_FILE);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await using file = await open(config, "wx", 0o600);
    await file.writeFile(`${JSON.stringify(EXAMPLE, null, 2)}\n`);
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new DataDirectoryNotEmpty({ detail: config, cause });
    throw new DataDirectoryNotWritable({ detail: `${directory}: ${code}`, cause });
  }
  await makeKeyFile({ file: keys, secretFile: secret }, options);
  return { config, keys, secret };
}
