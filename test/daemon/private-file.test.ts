import { chownSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeRoom, readPrivateFile, writePrivateFile } from "@swipewire/daemon/state/private-file";
import t from "tap";

const folder = mkdtempSync(join(tmpdir(), "swipewire-private-"));
t.teardown(() => rmSync(folder, { recursive: true }));
const path = join(folder, "secret");

t.test("a file is its owner's only, and replaced whole", async (t) => {
  await writePrivateFile(path, "first");
  await Promise.all(["second", "third"].map((text) => writePrivateFile(path, text)));
  t.match(await readPrivateFile(path), /^(second|third)$/);
  t.equal(statSync(path).mode & 0o777, 0o600);
  await makeRoom(folder);
  t.strictSame(readdirSync(folder), ["secret"], "and no draft is left");
});

t.test("where root writes it, it stays who owned it", { skip: process.getuid?.() !== 0 && "needs root" }, async (t) => {
  chownSync(path, 1, 1);
  await writePrivateFile(path, "fourth");
  t.match(statSync(path), { uid: 1, gid: 1 });
});

t.test("what cannot be written leaves what was there", async (t) => {
  await t.rejects(writePrivateFile(folder, "a folder is there"), { code: "state_folder_unusable" });
  await t.rejects(writePrivateFile(join(path, "below"), "below a file"), { code: "state_folder_unusable" });
  t.strictSame(readdirSync(folder), ["secret"]);
});
