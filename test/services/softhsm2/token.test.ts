import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { makeDataDirectory } from "@swipewire/gateway/config/data-directory";
import { readConfig } from "@swipewire/gateway/config/read-config";
import { KeyMechanismMissing } from "@swipewire/gateway/errors";
import { initKeys, openKeys } from "@swipewire/gateway/keys/open-keys";
import { tokenFailure } from "@swipewire/gateway/keys/token-module";
import t from "tap";
import { AES, bytes, keyStoreSuite } from "../../gateway/keys/key-store-suite.ts";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";

const ROOT = join(import.meta.dirname, "../../..");
const MODULE = "/usr/lib/softhsm/libsofthsm2.so";
const PIN = "271828";

// `npm ci` does not compile, for most never need it.
if (!existsSync(join(ROOT, "node_modules/pkcs11js/build/Release/pkcs11.node"))) {
  execFileSync("npm", ["run", "--silent", "build:pkcs11"], { cwd: ROOT, stdio: "ignore" });
}

const folder = t.testdir();
mkdirSync(join(folder, "tokens"));
const configFile = join(folder, "softhsm2.conf");
writeFileSync(configFile, `directories.tokendir = ${join(folder, "tokens")}\nlog.level = ERROR\n`);
process.env["SOFTHSM2_CONF"] = configFile;
const secretFile = join(folder, "pin");
writeFileSync(secretFile, PIN, { mode: 0o600 });

const services = { clock: new SimulatedClock(), random: seededRandom(1) };
let tokens = 0;
function newToken() {
  const token = `token ${++tokens}`;
  execFileSync("softhsm2-util", ["--init-token", "--free", "--label", token, "--so-pin", "31415926", "--pin", PIN]);
  return { kind: "pkcs11", module: MODULE, token, secretFile } as const;
}

t.test("in a PKCS#11 token", async (t) => {
  keyStoreSuite(t, async (t) => {
    const config = newToken();
    await initKeys(config, services);
    const openings: { close(): void }[] = [];
    t.teardown(() => {
      for (const opening of openings) opening.close();
    });
    return {
      open: async () => {
        const opened = await openKeys(config, services);
        let open = true;
        const close = () => {
          if (open) opened.close();
          open = false;
        };
        openings.push({ close });
        return { ...opened, close };
      },
    };
  });
});

t.test("what goes wrong with a token", async (t) => {
  const config = newToken();
  await t.rejects(openKeys({ ...config, token: "nobody's" }, services), { code: "key_token_missing" });
  for (const module of [join(folder, "none.so"), secretFile]) {
    await t.rejects(openKeys({ ...config, module }, services), { code: "key_module_unusable" });
  }
  writeFileSync(secretFile, "161803");
  const wrong = await openKeys(config, services).catch((failure: unknown) => failure);
  t.match(wrong, { code: "key_secret_wrong" });
  t.notMatch(inspect(wrong), "161803");
  writeFileSync(secretFile, PIN);
  const { custody, close } = await openKeys(config, services);
  t.teardown(close);
  await initKeys(config, services);
  await t.rejects(initKeys(config, services), { code: "key_name_taken" }, "is not made twice");
  const kbpk = { name: "kbpk", use: "key-block-protection", algorithm: "AES" } as const;
  await t.rejects(custody.add(kbpk, bytes(AES.BDK)), { code: "key_unsuitable" });
  const readers = { name: "r", use: "base-derivation", algorithm: "AES", ksnPrefix: "12345678" } as const;
  await custody.add(readers, bytes(AES.BDK));
  const protection = { algorithm: "AES", key: { use: (work: (key: Uint8Array) => unknown) => work(bytes(AES.BDK)) } };
  t.throws(() => custody.exportKeyBlock("r", protection as never), { code: "key_not_exportable" });
  // SoftHSM locks no PIN and never leaves.
  t.equal(tokenFailure(new Error("CKR_PIN_LOCKED")).code, "key_token_locked");
  t.match(tokenFailure(new Error("CKR_DEVICE_REMOVED:48")), {
    code: "key_token_failed",
    message: /CKR_DEVICE_REMOVED\)/,
  });
  t.notMatch(tokenFailure(new Error("secret 0123456789ABCDEF")).message, "0123");
});

t.test("a token that cannot do what is needed is told by the mechanism that it lacks", async (t) => {
  const config = newToken();
  await initKeys(config, services);
  t.teardown(() => {
    process.env["SOFTHSM2_CONF"] = configFile;
  });
  for (const mechanism of [
    "CKM_DES3_ECB",
    "CKM_AES_ECB",
    "CKM_ECDH1_DERIVE",
    "CKM_EDDSA",
    "CKM_EC_EDWARDS_KEY_PAIR_GEN",
  ]) {
    const lacking = join(folder, `without-${mechanism}.conf`);
    // SoftHSM 2.6.1 leaves out all that are listed but the first.
    writeFileSync(lacking, `${readFileSync(configFile, "utf8")}slots.mechanisms = -NONE,${mechanism}\n`);
    // Read whenever the library is initialised, which is when nobody has it open.
    process.env["SOFTHSM2_CONF"] = lacking;
    const { message } = new KeyMechanismMissing({ detail: mechanism });
    await t.rejects(openKeys(config, services), { code: "key_mechanism_missing", message });
  }
  process.env["SOFTHSM2_CONF"] = configFile;
  const { close } = await openKeys(config, services);
  close();
});

t.test("the commands work on a token", async (t) => {
  const { config } = await makeDataDirectory(join(t.testdir(), "gw"), services);
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), keys: newToken() }));
  const cli = join(ROOT, "gateway/bin/swipewire-gateway.js");
  const keys = (command: string) =>
    spawnSync(process.execPath, [cli, "keys", command, "--config", config], { encoding: "utf8" });
  t.match(keys("init"), { status: 0 });
  const running = await openKeys(readConfig({ file: config, environment: {} }).keys, services);
  t.teardown(() => running.close());
  t.match(keys("rotate"), { status: 0 });
  t.equal(await running.refresh(), true, "a gateway sees what the command of another process did");
  t.equal(running.store.sealingKeys().length, 2);
  t.equal(
    keys("list")
      .stdout.split("\n")
      .filter((line) => line.includes(" envelope ")).length,
    2,
  );
});
