import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import { configReader } from "@swipewire/protocol/config/config-reader";
import { GatewayConfigInvalid } from "../errors.ts";
import { isTimeZone } from "../settlement/daily-time.ts";
import { GatewayConfig } from "./config-schema.ts";

/** An IP address, or one with the length of its network's prefix (RFC 4632 3.1, RFC 4291 2.3). */
function isIpOrNetwork(text: string): boolean {
  const [address = "", bits = "0", ...rest] = text.split("/");
  const version = isIP(address);
  return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

const PREFIX = "SWIPEWIRE_GATEWAY_";
/** Names the config file itself. */
export const CONFIG_FILE_VARIABLE = `${PREFIX}CONFIG`;

const read = configReader(GatewayConfig, {
  prefix: PREFIX,
  formats: { "ip-or-network": isIpOrNetwork, "time-zone": isTimeZone },
});

/**
 * Reads the config: the file, and over it the environment (`SWIPEWIRE_GATEWAY_HTTP_PORT` is `http.port`; a list is
 * separated by commas). Paths in it become absolute.
 * @throws GatewayConfigInvalid with every problem at once
 */
export function readConfig({
  file,
  environment,
}: {
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): GatewayConfig {
  const reading = read({ file: { name: file, text: readText(file) }, environment });
  if ("problems" in reading) throw invalid(reading.problems);
  const { config } = reading;
  const from = dirname(file);
  const { tls } = config.acquirer;
  return {
    ...config,
    store: { path: resolve(from, config.store.path) },
    keys: keysFrom(from, config.keys),
    acquirer: { ...config.acquirer, ...(tls && { tls: tlsFrom(from, tls) }) },
    voice:
      config.voice.kind === "baresip" && config.voice.prompts !== undefined
        ? { ...config.voice, prompts: resolve(from, config.voice.prompts) }
        : config.voice,
  };
}

type BankTls = NonNullable<GatewayConfig["acquirer"]["tls"]>;

const tlsFrom = (from: string, { ca, certificate, key, ...rest }: BankTls): BankTls => ({
  ...rest,
  ca: resolve(from, ca),
  ...(certificate !== undefined && { certificate: resolve(from, certificate) }),
  ...(key !== undefined && { key: resolve(from, key) }),
});

const keysFrom = <K extends GatewayConfig["keys"]>(from: string, keys: K): K => ({
  ...keys,
  ...(keys.kind === "file" ? { file: resolve(from, keys.file) } : { module: resolve(from, keys.module) }),
  ...(keys.secretFile !== undefined && { secretFile: resolve(from, keys.secretFile) }),
});

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw invalid([`${file}: can't be read (${code}); swipewire-gateway init makes one`]);
  }
}

const invalid = (problems: readonly string[]) =>
  new GatewayConfigInvalid({ detail: `${problems.length} problems`, problems });
