import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { configReader } from "@swipewire/protocol/config/config-reader";
import { lintProfiles } from "@swipewire/protocol/readers/profile-lint";
import { ConfigInvalid } from "../errors.ts";
import { DaemonConfig } from "./config-schema.ts";

const PREFIX = "SWIPEWIRE_DAEMON_";

const read = configReader(DaemonConfig, {
  prefix: PREFIX,
  check: ({ profiles }) =>
    lintProfiles(profiles).map(({ at, field, text }) => ({
      path: ["profiles", at, ...(field ? [field] : [])].join("."),
      text,
    })),
});

export interface ConfigSources {
  /** Of the config file; without it the variable `SWIPEWIRE_DAEMON_CONFIG` names one, or there is none. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The config of file and environment, the environment's word being last.
 * @throws ConfigInvalid with every problem at once
 */
export function loadConfig({ env, file = env[`${PREFIX}CONFIG`] }: ConfigSources): DaemonConfig {
  const reading = read({
    ...(file !== undefined && { file: { name: file, text: readText(file) } }),
    environment: env,
  });
  if ("problems" in reading) throw new ConfigInvalid({ problems: reading.problems });
  const { config } = reading;
  // A path in the file starts at the file's folder, one in a variable where the daemon was started.
  const from = file === undefined || env[`${PREFIX}STATE_DIR`] !== undefined ? "." : dirname(file);
  const { certificateKey: key } = config;
  return {
    ...config,
    stateDir: resolve(from, config.stateDir),
    ...(key && { certificateKey: { ...key, module: resolve(from, key.module), pinFile: resolve(from, key.pinFile) } }),
  };
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "unknown";
    throw new ConfigInvalid({ problems: [`${file}: cannot be read (${code})`] });
  }
}
