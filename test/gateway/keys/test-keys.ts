import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { makeKeyFile, openKeys, type WantedKeys } from "@swipewire/gateway/keys/open-keys";
import type { Random } from "@swipewire/protocol/random";
import { SimulatedClock } from "../../simulated-clock.ts";

/** Keys in a new encrypted file below `folder`. */
export async function testKeys(folder: string, random: Random, wanted: WantedKeys = {}) {
  const own = mkdtempSync(join(folder, "keys-"));
  const config = { kind: "file", file: join(own, "keys.json"), secretFile: join(own, "keys.secret") } as const;
  const services = { clock: new SimulatedClock(), random };
  await makeKeyFile(config, services, wanted);
  return { config, ...(await openKeys(config, services)) };
}
