import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { initKeys, openKeys } from "@swipewire/gateway/keys/open-keys";
import { SwipewireError } from "@swipewire/protocol/failure";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import t from "tap";
import keyBlocks from "../../fixtures/key-blocks.json" with { type: "json" };
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { AES, bytes, keyStoreSuite, sealed } from "./key-store-suite.ts";
import { testKeys } from "./test-keys.ts";

const PASSPHRASE = "correct horse battery staple";
const services = { clock: new SimulatedClock(), random: seededRandom(1) };
const folder = t.testdir();
const test = (foreign = {}) => testKeys(folder, services.random, foreign);

t.test("in an encrypted file", async (t) => {
  keyStoreSuite(t, async () => {
    const { config, close } = await test();
    close();
    return { open: () => openKeys(config, services) };
  });
});

t.test("a file on a passphrase that a person chose, with no key in clear in it", async (t) => {
  const own = mkdtempSync(join(folder, "own-"));
  const config = { kind: "file", file: join(own, "keys.json"), secretFile: join(own, "secret") } as const;
  writeFileSync(config.secretFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  await initKeys(config, services);
  t.equal(statSync(config.file).mode & 0o777, 0o600);
  const { custody, close } = await openKeys(config, services);
  await custody.add({ name: "r", use: "base-derivation", algorithm: "AES", ksnPrefix: "12345678" }, bytes(AES.BDK));
  t.notOk(existsSync(`${config.file}.new`));
  const text = readFileSync(config.file, "utf8");
  t.match(JSON.parse(text), { version: 2, kdf: "scrypt", cost: { N: 2 ** 15, r: 8, p: 3 }, cipher: "aes-256-gcm" });
  for (const form of ["hex", "base64", "base64url"] as const) {
    const key = Buffer.from(AES.BDK, "hex").toString(form).slice(0, 16);
    t.notOk(text.toLowerCase().includes(key.toLowerCase()), form);
  }
  t.notMatch(text, /base-derivation|12345678/, "nor what keys there are");
  close();
  await t.rejects(initKeys(config, services), { code: "key_file_exists" });
  t.equal(readFileSync(config.file, "utf8"), text, "never overwritten");

  writeFileSync(config.secretFile, `${PASSPHRASE}`);
  t.equal((await openKeys(config, services)).store.list().length, 3, "with or without the line's end");
  writeFileSync(config.secretFile, `${PASSPHRASE} `);
  await t.rejects(openKeys(config, services), { code: "key_secret_wrong" });
  writeFileSync(config.secretFile, "too short");
  await t.rejects(initKeys({ ...config, file: `${config.file}2` }, services), { code: "key_secret_weak" });
  await t.rejects(initKeys({ ...config, file: join(own, "no/such/folder") }, services), { code: "key_secret_weak" });
});

t.test("the passphrase comes from a file of its owner's, or from systemd", async (t) => {
  const { config, close } = await test();
  close();
  const { secretFile } = config;
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(secretFile, mode);
    await t.rejects(openKeys(config, services), { code: "key_secret_exposed" }, mode.toString(8));
  }
  chmodSync(secretFile, 0o440);
  const byCredential = { kind: "file", file: config.file, secretCredential: "keys.secret" } as const;
  delete process.env["CREDENTIALS_DIRECTORY"];
  await t.rejects(openKeys(byCredential, services), { code: "key_secret_unreadable" });
  process.env["CREDENTIALS_DIRECTORY"] = join(secretFile, "..");
  t.teardown(() => delete process.env["CREDENTIALS_DIRECTORY"]);
  t.equal((await openKeys(byCredential, services)).store.list().length, 2);
  chmodSync(secretFile, 0o600);
  for (const content of ["", "\n", "x".repeat(2_000)]) {
    writeFileSync(secretFile, content);
    await t.rejects(openKeys(config, services), { code: "key_secret_unreadable" }, `${content.length} bytes`);
  }
  await t.rejects(openKeys({ ...config, secretFile: join(folder, "none") }, services), {
    code: "key_secret_unreadable",
  });
  await t.rejects(openKeys({ kind: "file", file: config.file }, services), { code: "key_secret_unreadable" });
});

t.test("refuses a key file that others may read", async (t) => {
  const { config } = await test();
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(config.file, mode);
    await t.rejects(openKeys(config, services), { code: "key_file_exposed" }, mode.toString(8));
  }
});

t.test("refuses a key file that is missing or damaged, without a word of what is in it", async (t) => {
  const { config } = await test();
  const whole = readFileSync(config.file, "utf8");
  const change = (part: object) => JSON.stringify({ ...JSON.parse(whole), ...part });
  const { sealed } = JSON.parse(whole);
  await t.rejects(openKeys({ ...config, file: join(folder, "none.json") }, services), { code: "key_file_unreadable" });
  for (const [what, text] of Object.entries({
    "not JSON": whole.slice(1),
    "cut short": whole.slice(0, 200),
    nothing: "",
    "an unknown property": change({ spare: AES.BDK }),
    "the clear version of old": JSON.stringify({ version: 1, sealingKeys: [{ d: AES.BDK }], baseDerivationKeys: [] }),
    "a cost that would fill the memory": change({ cost: { N: 2 ** 30, r: 8, p: 1 } }),
    "one byte of it": change({ sealed: `${sealed[0] === "A" ? "B" : "A"}${sealed.slice(1)}` }),
    "a short seal": change({ sealed: sealed.slice(0, 20) }),
    "another iv": change({ iv: "AAAAAAAAAAAAAAAA" }),
    "too large": change({ sealed: "A".repeat(2 ** 21) }),
  })) {
    writeFileSync(config.file, text);
    const error = await openKeys(config, services).catch((failure: unknown) => failure);
    t.ok(error instanceof SwipewireError && error.code === "key_file_invalid", what);
    t.notMatch(inspect(error), new RegExp(AES.BDK.slice(0, 12), "i"), what);
  }
  // No difference can be seen between these.
  writeFileSync(config.file, change({ salt: "A".repeat(22) }));
  await t.rejects(openKeys(config, services), { code: "key_secret_wrong" });
});

t.test("two commands that change keys at once do not undo each other", async (t) => {
  const { config } = await test();
  const [one, other] = await Promise.all([openKeys(config, services), openKeys(config, services)]);
  const key = bytes(AES.BDK);
  const purpose = (name: string, ksnPrefix: string) =>
    ({ name, use: "base-derivation", algorithm: "AES", ksnPrefix }) as const;
  await one.custody.add(purpose("first", "01"), key);
  await t.rejects(other.custody.add(purpose("second", "02"), key), { code: "key_store_busy" });
  writeFileSync(`${config.file}.new`, "");
  await t.rejects(one.custody.add(purpose("second", "02"), key), { code: "key_store_busy" });
  t.equal(one.custody.list().length, 3, "and nothing is there that is not on the disk");
  t.same((await openKeys(config, services)).custody.list(), one.custody.list());
});

t.test("carries keys out and in again under a key block protection key", async (t) => {
  const { custody, store } = await test();
  const aes = { name: "kbpk", use: "key-block-protection", algorithm: "AES" } as const;
  await custody.generate(aes, 256);
  await custody.generate({ ...aes, name: "old-kbpk", algorithm: "TDES" }, 128);
  const purpose = { name: "r", use: "base-derivation", algorithm: "AES", ksnPrefix: "12345678" } as const;
  const { checkValue } = await custody.add(purpose, bytes(AES.BDK));
  const jwe = await sealed(store.sealingKeys()[0]);
  const block = custody.exportKeyBlock("r", "kbpk");
  t.match(block, /^D0144B0AX00E00/);
  await custody.remove("r");
  t.match(await custody.importKeyBlock(block, "kbpk", purpose), { checkValue, bits: 128 });
  t.equal((await store.decryptEnvelope(jwe)).length, 7);
  t.throws(() => custody.exportKeyBlock("r", "old-kbpk"), { code: "key_too_weak" }, "AES under TDES");
  await custody.generate({ name: "bank", use: "terminal-master", algorithm: "TDES" }, 128);
  t.match(custody.exportKeyBlock("bank", "old-kbpk"), /^B0096K0TB00E00/);
  t.throws(() => custody.exportKeyBlock("bank", "r"), { code: "key_unsuitable" });
  const other = { algorithm: "AES", key: SensitiveBytes.copyOf(bytes(keyBlocks.unwrap[6]?.kbpk ?? "")) } as const;
  await t.rejects(custody.importKeyBlock(block, other, { ...purpose, name: "s", ksnPrefix: "A1" }), {
    code: "key_block_mac_invalid",
  });
});
