import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Debian's stock kernel, unpacked and not installed. The cloud kernel has no USB. */
export interface KernelPackage {
  /** `6.1.0-56-amd64`, say. */
  readonly release: string;
  /** The kernel as QEMU starts it without a boot loader (PVH). */
  readonly vmlinux: string;
  /** Where `lib/modules` is. */
  readonly root: string;
}

const XZ_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);

/** What `linux-image-amd64` stands for today. @throws where apt knows of no such package: `apt-get update` helps */
export function stockKernelRelease(): string {
  const depends = execFileSync("apt-cache", ["depends", "linux-image-amd64"], { encoding: "utf8" });
  const release = /Depends: linux-image-(\S+)/.exec(depends)?.[1];
  if (release === undefined) throw new Error("apt knows of no linux-image-amd64: apt-get update");
  return release;
}

/** @param folder an empty one, to download and unpack into */
export function unpackKernel(release: string, folder: string): KernelPackage {
  const downloads = join(folder, "download");
  mkdirSync(downloads);
  execFileSync("apt-get", ["-o", "APT::Sandbox::User=root", "-qq", "download", `linux-image-${release}`], {
    cwd: downloads,
    stdio: "inherit",
  });
  const [file = ""] = readdirSync(downloads);
  const root = join(folder, "root");
  execFileSync("dpkg-deb", ["-x", join(downloads, file), root]);
  rmSync(downloads, { recursive: true });

  const vmlinuz = readFileSync(join(root, "boot", `vmlinuz-${release}`));
  const payload = join(folder, "payload.xz");
  writeFileSync(payload, vmlinuz.subarray(vmlinuz.indexOf(XZ_MAGIC)));
  const vmlinux = join(folder, "vmlinux");
  // What follows the kernel is no xz stream.
  writeFileSync(vmlinux, execFileSync("xz", ["-dc", "--single-stream", payload], { maxBuffer: 2 ** 28 }));
  return { release, vmlinux, root };
}
