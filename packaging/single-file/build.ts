import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";

const ROOT = join(import.meta.dirname, "../..");
/** Node's own mark in its program file, where a single executable application is put. */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/** Packages with a native addon, and where each keeps the one for this machine. */
const addons: Readonly<Record<string, string>> = {
  "node-hid": `node-hid/prebuilds/HID_hidraw-linux-${process.arch}/node-napi-v4.node`,
  usb: `usb/prebuilds/linux-${process.arch}/node.napi.glibc.node`,
  "bindings-cpp": `@serialport/bindings-cpp/prebuilds/linux-${process.arch}/@serialport+bindings-cpp.glibc.node`,
};

/** What looks for an addon beside the package gets the one that the single file carries. */
const carriedAddons: Plugin = {
  name: "carried addons",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node-gyp-build|pkg-prebuilds\/bindings)$/ }, ({ importer }) => {
      const name = Object.keys(addons).find((name) => importer.includes(`/${name}/`));
      if (name === undefined) throw new Error(`${importer} has an addon that is not known here`);
      return { path: name, namespace: "addon" };
    });
    onLoad({ filter: /.*/, namespace: "addon" }, ({ path }) => ({
      contents: `import { loadAddon } from "./load-addon.ts"; module.exports = () => loadAddon("${path}.node");`,
      resolveDir: import.meta.dirname,
    }));
  },
};

/**
 * Makes the daemon one executable file: Node, its program and its native addons. Linux only, for the processor it is made
 * on; it wants the system's C library, libusb-1.0-0 and libudev1.
 * @param file where it is written
 * @returns the licences of what it carries, which have to go where it goes
 */
export async function buildSingleFile(file: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-build-"));
  try {
    const main = join(folder, "main.cjs");
    const { metafile } = await build({
      entryPoints: [join(import.meta.dirname, "entry.ts")],
      outfile: main,
      bundle: true,
      platform: "node",
      format: "cjs",
      target: `node${process.versions.node}`,
      minify: true,
      // Logs name errors by their class.
      keepNames: true,
      metafile: true,
      absWorkingDir: ROOT,
      plugins: [carriedAddons],
      logLevel: "warning",
    });
    const blob = join(folder, "blob");
    const config = join(folder, "sea.json");
    const assets = Object.entries(addons).map(([name, path]) => [`${name}.node`, join(ROOT, "node_modules", path)]);
    writeFileSync(
      config,
      JSON.stringify({
        main,
        output: blob,
        disableExperimentalSEAWarning: true,
        // What compiling at the start would take of memory, V8 gives back late: 12 MB.
        useCodeCache: true,
        // A terminal makes little garbage: space for more of it at once would only be held, 9 MB. And the MQTT client's own
        // use of url.parse(), which Node warns of outside node_modules, is nothing that an operator can mend.
        execArgv: ["--max-semi-space-size=1", "--disable-warning=DEP0169"],
        assets: Object.fromEntries(assets),
      }),
    );
    execFileSync(process.execPath, ["--experimental-sea-config", config], { stdio: "pipe" });
    copyFileSync(process.execPath, file);
    chmodSync(file, 0o755);
    const postject = join(ROOT, "node_modules/postject/dist/cli.js");
    execFileSync(process.execPath, [postject, file, "NODE_SEA_BLOB", blob, "--sentinel-fuse", FUSE], { stdio: "pipe" });
    return licencesOf(Object.keys(metafile.inputs));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param inputs of the bundle, by path from the root */
function licencesOf(inputs: readonly string[]): string {
  const packages = new Set(inputs.flatMap((path) => /^.*node_modules\/(@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []));
  const node = dirname(dirname(process.execPath));
  return [node, ...[...packages].toSorted().map((path) => join(ROOT, path))].flatMap(licenceOf).join("\n");
}

/** One package's name, version and licence; of the latter the name alone where it brings no text. */
function licenceOf(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  // Ours is the package's own.
  if (manifest.name.startsWith("@swipewire/")) return [];
  const texts = readdirSync(folder).filter((name) => /^(licen[sc]e|copying|notice)(\.|-|$)/i.test(name));
  const title = `${manifest.name} ${manifest.version}: ${manifest.license ?? "see below"}`;
  return [`${"=".repeat(80)}\n${title}\n`, ...texts.map((name) => readFileSync(join(folder, name), "utf8"))];
}
