import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { udevRules } from "@swipewire/daemon/readers/udev-rules";
import { readerProfiles } from "@swipewire/protocol/readers/profiles";

const ROOT = join(import.meta.dirname, "../..");
const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/**
 * Makes the Debian package of the daemon: the single file, its unit, its udev rules, its config.
 * @param singleFile as `buildSingleFile` made it
 * @param licences the file of what that carries
 * @param folder where the package is put
 * @param version of the package, as Debian counts (deb-version(7))
 * @returns the package's path
 */
export function buildDebianPackage(singleFile: string, licences: string, folder: string, version: string): string {
  const architecture = architectures[process.arch] ?? process.arch;
  const tree = mkdtempSync(join(tmpdir(), "swipewire-deb-"));
  // A umask of the builder's must not shut users out of what is installed.
  chmodSync(tree, 0o755);
  const put = (source: string, target: string, mode: number) => {
    const path = join(tree, target);
    mkdirSync(dirname(path), { recursive: true });
    cpSync(source, path);
    chmodSync(path, mode);
  };
  const write = (target: string, text: string) => {
    const path = join(tree, target);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, 0o644);
  };
  try {
    const own = import.meta.dirname;
    put(singleFile, "usr/bin/swipewire-daemon", 0o755);
    put(join(own, "swipewire-daemon.service"), "lib/systemd/system/swipewire-daemon.service", 0o644);
    put(join(own, "daemon.json"), "etc/swipewire-daemon/daemon.json", 0o644);
    put(join(ROOT, "daemon/README.md"), "usr/share/doc/swipewire-daemon/README.md", 0o644);
    put(join(ROOT, "protocol/ERRORS.md"), "usr/share/doc/swipewire-daemon/ERRORS.md", 0o644);
    put(join(ROOT, "LICENSE"), "usr/share/doc/swipewire-daemon/copyright", 0o644);
    put(licences, "usr/share/doc/swipewire-daemon/third-party-licences", 0o644);
    write("lib/udev/rules.d/70-swipewire-daemon.rules", `${udevRules("swipewire", readerProfiles)}\n`);
    for (const script of ["postinst", "prerm", "postrm"]) put(join(own, script), `DEBIAN/${script}`, 0o755);
    write("DEBIAN/conffiles", "/etc/swipewire-daemon/daemon.json\n");
    write("DEBIAN/control", control(version, architecture, Math.ceil(sizeOf(tree) / 1024)));
    const file = join(folder, `swipewire-daemon_${version}_${architecture}.deb`);
    // Of an uncompressed Node zstd takes a few seconds, xz half a minute for a tenth less.
    execFileSync("dpkg-deb", ["--root-owner-group", "-Zzstd", "-z9", "--build", tree, file], { stdio: "pipe" });
    return file;
  } finally {
    rmSync(tree, { recursive: true });
  }
}

const control = (version: string, architecture: string, kilobytes: number) =>
  `Package: swipewire-daemon
Version: ${version}
Architecture: ${architecture}
Maintainer: Swipewire <swipewire@localhost>
Section: misc
Priority: optional
Installed-Size: ${kilobytes}
Depends: adduser, init-system-helpers, libc6 (>= 2.28), libstdc++6, libudev1, libusb-1.0-0, systemd
Recommends: alsa-utils
Suggests: libengine-pkcs11-openssl, opensc
Description: turns a magnetic-stripe reader into a safe payment terminal
 Takes swipes from USB, serial and audio readers, validates and seals them, and
 publishes them to a Swipewire gateway over MQTT.
`;

function sizeOf(path: string): number {
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
