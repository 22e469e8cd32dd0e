import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { openKeys } from "@swipewire/gateway/keys/open-keys";
import { PassphraseChange, type PassphraseChangeOptions } from "@swipewire/gateway/keys/passphrase-change";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { testKeys } from "./test-keys.ts";

const services = { clock: new SimulatedClock(), random: seededRandom(1) };
const folder = t.testdir();
const typed = (text: string) => new TextEncoder().encode(text);
const PASSPHRASE = "correct horse battery staple";

async function begin(changes: Partial<PassphraseChangeOptions> = {}) {
  const { config, store, refresh } = await testKeys(folder, services.random);
  const old = readFileSync(config.secretFile, "utf8");
  const change = () => new PassphraseChange({ keys: config, random: services.random, ...changes });
  const opens = async (secretFile = config.secretFile) => {
    const opened = await openKeys({ ...config, secretFile }, services);
    const keys = opened.store.list();
    opened.close();
    return keys;
  };
  return { config, old, change, opens, refresh, keys: store.list(), own: dirname(config.file) };
}

t.test("the same keys open with the new passphrase and not with the old one, and nothing else is left", async (t) => {
  const { config, old, change, opens, refresh, keys, own } = await begin();
  const before = JSON.parse(readFileSync(config.file, "utf8"));
  t.equal(await change().run(typed(PASSPHRASE)), config.secretFile);
  t.equal(readFileSync(config.secretFile, "utf8"), `${PASSPHRASE}\n`);
  t.equal(statSync(config.secretFile).mode & 0o777, 0o600);
  t.same(await opens(), keys);
  const after = JSON.parse(readFileSync(config.file, "utf8"));
  t.match(after.cost, { N: 2 ** 15, p: 3 }, "made by a person");
  t.not(after.salt, before.salt);
  t.same(readdirSync(own).sort(), ["keys.json", "keys.secret"]);
  t.equal(await refresh(), true, "a running gateway follows");
  t.equal(await refresh(), false);

  const elsewhere = join(own, "old");
  writeFileSync(elsewhere, old, { mode: 0o600 });
  await t.rejects(opens(elsewhere), { code: "key_secret_wrong" });

  await change().run();
  t.match(readFileSync(config.secretFile, "utf8"), /^[\w-]{43}\n$/);
  t.match(JSON.parse(readFileSync(config.file, "utf8")).cost, { N: 2 ** 10, p: 1 });
  t.same(await opens(), keys);
});

t.test("puts the new passphrase elsewhere, for a systemd credential", async (t) => {
  const to = join(mkdtempSync(join(folder, "to-")), "secret");
  const { config, old, change, opens, keys } = await begin({ to });
  t.equal(await change().run(), to);
  t.same(await opens(to), keys);
  t.equal(readFileSync(config.secretFile, "utf8"), old, "the other is its owner's to remove");
  t.throws(change, { code: "key_secret_exists" });
});

t.test("what cannot be changed leaves everything as it was", async (t) => {
  const { config, old, change, opens, keys, own } = await begin();
  const text = readFileSync(config.file, "utf8");
  const untouched = async (what: string) => {
    t.equal(readFileSync(config.secretFile, "utf8"), old, what);
    t.equal(readFileSync(config.file, "utf8"), text, what);
    t.same(readdirSync(own).sort(), ["keys.json", "keys.secret"], what);
    t.same(await opens(), keys, what);
  };
  await t.rejects(change().run(typed("too short")), { code: "key_secret_weak" });
  await untouched("too short");
  await t.rejects(change().run(typed("x".repeat(2_000))), { code: "key_secret_unreadable" });
  await untouched("too long to be read again");
  await t.rejects(change().run(typed("")), { code: "key_secret_unreadable" });
  await untouched("empty");
  writeFileSync(`${config.file}.new`, "");
  await t.rejects(change().run(typed(PASSPHRASE)), { code: "key_store_busy" });
  t.equal(readFileSync(config.file, "utf8"), text, "another command changes the keys");
  t.equal(existsSync(`${config.secretFile}.new`), false);

  const { random } = services;
  const token = { kind: "pkcs11", module: "/m.so", token: "t", secretFile: config.secretFile } as const;
  t.throws(() => new PassphraseChange({ keys: token, random }), { code: "key_secret_elsewhere" });
  const credential = { kind: "file", file: config.file, secretCredential: "keys.secret" } as const;
  t.throws(() => new PassphraseChange({ keys: credential, random }), { code: "key_secret_elsewhere" });
});

t.test("a change that was cut off is finished, or told from one under way", async (t) => {
  const { config, old, change, opens, keys } = await begin();
  t.equal(await change().finish(), false, "there is none");
  const staged = `${config.secretFile}.new`;
  await change().run(typed(PASSPHRASE));
  // As it is between the two renames.
  copyFileSync(config.secretFile, staged);
  writeFileSync(config.secretFile, old);
  await t.rejects(opens(), { code: "key_secret_wrong" });
  t.equal(await change().finish(), true);
  t.same(await opens(), keys);
  t.notOk(existsSync(staged));

  for (const text of ["another passphrase\n", ""]) {
    writeFileSync(staged, text, { mode: 0o600 });
    await t.rejects(change().finish(), { code: "key_store_busy", message: /keys\.secret\.new/ });
    await t.rejects(change().run(), { code: "key_secret_exists" });
    t.same(await opens(), keys);
  }
});
