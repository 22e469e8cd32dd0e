import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { getAsset } from "node:sea";

/**
 * Loads a native addon that the single file carries. The system's loader wants a file, which is taken away again as soon
 * as it is mapped. A service has a folder of its own for that, in the unit's `RuntimeDirectory`.
 * @param name of the asset
 */
export function loadAddon(name: string): unknown {
  const folder = mkdtempSync(join(process.env["RUNTIME_DIRECTORY"] ?? tmpdir(), "swipewire-"));
  try {
    const file = join(folder, name);
    writeFileSync(file, new Uint8Array(getAsset(name)), { mode: 0o500 });
    const module = { exports: {} };
    process.dlopen(module, file, constants.dlopen.RTLD_NOW);
    return module.exports;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
