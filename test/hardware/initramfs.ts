import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path";
import type { KernelPackage } from "./kernel-package.ts";

const ROOT = join(import.meta.dirname, "../..");

/** What a card reader needs of a kernel, and the network to the host. udev loads those that a device asks for. */
const MODULES = [
  ...["virtio_pci", "virtio_net", "vhci-hcd", "usbhid", "hid-generic", "uhid", "cdc-acm", "evdev"],
  ...["snd-aloop"],
];
/** Where it is here, and there. */
const PROGRAMS = [
  ["/bin/busybox", "/bin/busybox"],
  ["/bin/udevadm", "/usr/bin/udevadm"],
  ["/bin/udevadm", "/lib/systemd/systemd-udevd"],
  ["/bin/kmod", "/sbin/modprobe"],
  ["/usr/bin/setpriv", "/usr/bin/setpriv"],
  ["/usr/sbin/usbip", "/usr/sbin/usbip"],
  ["/usr/sbin/dropbear", "/usr/sbin/dropbear"],
  ["/usr/bin/aplay", "/usr/bin/aplay"],
  ["/usr/bin/aplay", "/usr/bin/arecord"],
  [process.execPath, "/usr/bin/node"],
] as const;
/** What Node's packages load at run time. */
const LIBRARIES = ["libusb-1.0.so.0", "libudev.so.1"].map((name) => `/lib/x86_64-linux-gnu/${name}`);
const UDEV_RULES = ["50-udev-default.rules", "60-serial.rules", "80-drivers.rules"];

const GROUPS = ["root", "tty", "dialout", "kmem", "input", "video", "audio", "lp", "disk", "cdrom", "tape", "kvm"];
const PASSWD = "root:x:0:0:root:/root:/bin/sh\nkiosk:x:1000:1000:kiosk:/home/kiosk:/bin/sh\n";
const GROUP = `${GROUPS.map((name, at) => `${name}:x:${at}:${name === "audio" ? "kiosk" : ""}`).join("\n")}\nswipewire:x:1000:\n`;

/** Programs, libraries and modules: the part that seldom changes. @param folder an empty one to gather them in */
export function writeSystemLayer(kernel: KernelPackage, folder: string, archive: string): void {
  const put = (from: string, to: string) => {
    mkdirSync(join(folder, dirname(to)), { recursive: true });
    copyFileSync(realpathSync(from), join(folder, to));
  };
  for (const [from, to] of PROGRAMS) put(from, to);
  for (const library of [...LIBRARIES, ...librariesOf([...PROGRAMS.map(([from]) => from), ...LIBRARIES])]) {
    put(library, library);
  }
  cpSync("/usr/share/alsa", join(folder, "/usr/share/alsa"), { recursive: true, dereference: true });
  for (const rules of UDEV_RULES) put(`/lib/udev/rules.d/${rules}`, `/lib/udev/rules.d/${rules}`);
  for (const module of modulesOf(kernel)) put(module, `/${relative(kernel.root, module)}`);
  const lists = join("/lib/modules", kernel.release);
  for (const list of ["modules.builtin", "modules.builtin.modinfo", "modules.order"])
    put(join(kernel.root, lists, list), join(lists, list));
  execFileSync("depmod", ["-b", folder, kernel.release]);
  for (const [file, text] of [
    ["/etc/passwd", PASSWD],
    ["/etc/group", GROUP],
  ] as const) {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  // Fast to unpack, and the legacy format is the one that the kernel reads.
  writeFileSync(archive, execFileSync("lz4", ["-l", "-1", "-c"], { input: cpio(folder), maxBuffer: 2 ** 29 }));
}

/** Daemon and simulator as they are published, with their dependencies, and the machine's first program. */
export function writeDaemonLayer(folder: string, archive: string): void {
  execFileSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-b", ...WORKSPACES], {
    cwd: ROOT,
    stdio: "inherit",
  });
  const modules = join(folder, "opt/swipewire/node_modules");
  for (const name of WORKSPACES) {
    const home = join(modules, "@swipewire", name);
    copyCode(join(ROOT, name, "dist"), home);
    const manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    writeFileSync(join(home, "package.json"), JSON.stringify({ ...manifest, exports: { "./*": "./*.js" } }));
  }
  const of = WORKSPACES.flatMap((name) => ["--workspace", `@swipewire/${name}`]);
  const listed = execFileSync("npm", ["ls", ...of, "--omit=dev", "--all", "--parseable"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const own = /\/@swipewire\/|^[^/]*$/;
  for (const path of listed.split("\n").filter((path) => path.includes("/node_modules/") && !own.test(path))) {
    copyCode(path, join(modules, relative(join(ROOT, "node_modules"), path)));
  }
  copyFileSync(join(import.meta.dirname, "init.sh"), join(folder, "init"));
  execFileSync("chmod", ["755", join(folder, "init")]);
  writeFileSync(archive, cpio(folder));
}

const WORKSPACES = ["protocol", "daemon", "simulator"];
const CODE = new Set([".js", ".cjs", ".mjs", ".json", ".node"]);

/** No sources, types and binaries of other systems. A package inside a package is on the list by itself. */
function copyCode(from: string, to: string): void {
  cpSync(from, to, {
    recursive: true,
    filter: (path) => {
      const inside = relative(from, path);
      if (/(^|\/)node_modules$/.test(inside)) return false;
      if (/\/prebuilds\/[^/]+$/.test(path)) return path.endsWith("linux-x64");
      return (
        extname(path) === "" || !basename(path).includes(".") || CODE.has(extname(path)) || /\.\w+-\w+$/.test(path)
      );
    },
  });
}

/** The modules' files with those that they need. */
function modulesOf({ root, release }: KernelPackage): readonly string[] {
  execFileSync("depmod", ["-b", root, release]);
  const listed = MODULES.flatMap((name) =>
    execFileSync("modprobe", ["-d", root, "-S", release, "--show-depends", name], { encoding: "utf8" }).split("\n"),
  );
  return [...new Set(listed.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []))];
}

function librariesOf(files: readonly string[]): readonly string[] {
  const found = files.flatMap((file) => {
    try {
      return [
        ...execFileSync("ldd", [file], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).matchAll(
          /(\/\S+) \(0x/g,
        ),
      ];
    } catch {
      // A static program.
      return [];
    }
  });
  return [...new Set(found.map(([, path = ""]) => path))];
}

const cpio = (folder: string): Buffer => {
  const names = execFileSync("find", [".", "-print0"], { cwd: folder, maxBuffer: 2 ** 26 });
  return execFileSync("cpio", ["--null", "-o", "-H", "newc", "--quiet", "--owner", "0:0"], {
    cwd: folder,
    input: names,
    maxBuffer: 2 ** 29,
  });
};
