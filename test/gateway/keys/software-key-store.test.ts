import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { generateKeyFile } from "@swipewire/gateway/keys/key-file";
import { SoftwareKeyStore } from "@swipewire/gateway/keys/software-key-store";
import { deriveInitialKey, deriveTransactionKey } from "@swipewire/protocol/crypto/dukpt-tdes";
import { encryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import { SwipewireError } from "@swipewire/protocol/failure";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { CompactEncrypt, importJWK } from "jose";
import t from "tap";
import vectors from "../../fixtures/unionpay-8583.json" with { type: "json" };

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const secret = (text: string) => SensitiveBytes.copyOf(new TextEncoder().encode(text));

const BDK = "0123456789ABCDEFFEDCBA9876543210";
const OTHER_BDK = "11111111111111112222222222222222";
const [download] = vectors.key_download;
const TMK = download?.tmk ?? "";
const field62 = bytes(download?.field62 ?? "");

let files = 0;
const dir = t.testdir();
async function keyFile(): Promise<string> {
  const path = join(dir, `keys-${files++}.json`);
  await generateKeyFile(path, {
    baseDerivationKeys: [
      { ksnPrefix: "ffff98", key: bytes(BDK) },
      { ksnPrefix: "ffff987", key: bytes(OTHER_BDK) },
    ],
    terminalMasterKey: bytes(TMK),
  });
  return path;
}
const edit = (path: string, change: (file: Record<string, unknown>) => void) => {
  const file = JSON.parse(readFileSync(path, "utf8"));
  change(file);
  writeFileSync(path, JSON.stringify(file));
};

t.test("a new key file is its owner's alone, and is never overwritten", async (t) => {
  const path = await keyFile();
  t.equal(statSync(path).mode & 0o777, 0o600);
  const before = readFileSync(path, "utf8");
  await t.rejects(generateKeyFile(path), { code: "key_file_exists" });
  t.equal(readFileSync(path, "utf8"), before);
  const other = JSON.parse(readFileSync(await keyFile(), "utf8"));
  t.not(other.sealingKeys[0].d, JSON.parse(before).sealingKeys[0].d);
});

t.test("refuses a key file that others may read", async (t) => {
  const path = await keyFile();
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(path, mode);
    await t.rejects(SoftwareKeyStore.open(path), { code: "key_file_exposed" }, mode.toString(8));
  }
});

t.test(
  "refuses a key file that is missing, not JSON, or not as it should be, without a word of what is in it",
  async (t) => {
    const dir = t.testdir();
    await t.rejects(SoftwareKeyStore.open(join(dir, "none.json")), { code: "key_file_unreadable" });
    await t.rejects(generateKeyFile(join(dir, "no/such/folder.json")), { code: "key_file_exists" });
    const broken: Record<string, (path: string) => void> = {
      "not JSON": (path) => writeFileSync(path, `{"version": ${BDK}`),
      "an unknown property": (path) => edit(path, (file) => (file["spare"] = BDK)),
      "another version": (path) => edit(path, (file) => (file["version"] = 2)),
      "no sealing key": (path) => edit(path, (file) => (file["sealingKeys"] = [])),
      "a short key": (path) => edit(path, (file) => (file["acquirer"] = { terminalMasterKey: BDK.slice(2) })),
      "a key that is not hex": (path) =>
        edit(path, (file) => (file["acquirer"] = { terminalMasterKey: `${BDK.slice(1)}x` })),
      "one prefix twice": (path) =>
        edit(path, (file) => {
          file["baseDerivationKeys"] = ["AB", "ab"].map((ksnPrefix) => ({ ksnPrefix, key: BDK }));
        }),
    };
    for (const [what, breakIt] of Object.entries(broken)) {
      const path = await keyFile();
      breakIt(path);
      const error = await SoftwareKeyStore.open(path).catch((failure: unknown) => failure);
      t.ok(error instanceof SwipewireError && error.code === "key_file_invalid", what);
      t.notMatch(inspect(error), /0123456789|FEDCBA9876/i, what);
    }
  },
);

t.test("opens what was sealed to its keys, also to an older one, and nothing else", async (t) => {
  const path = await keyFile();
  const old = (await SoftwareKeyStore.open(path)).sealingKeys()[0];
  const newer = JSON.parse(readFileSync(await keyFile(), "utf8")).sealingKeys[0];
  edit(path, (file) => (file["sealingKeys"] as unknown[]).unshift(newer));
  const keys = await SoftwareKeyStore.open(path);
  t.same(
    keys.sealingKeys().map(({ kid }) => kid),
    [newer.kid, old?.kid],
  );
  for (const key of keys.sealingKeys()) t.notOk("d" in key);

  const seal = async (header: { alg: string; enc: string; kid?: string; zip?: "DEF" }, jwk = keys.sealingKeys()[0]) =>
    new CompactEncrypt(new TextEncoder().encode("a swipe"))
      .setProtectedHeader(header)
      .encrypt(await importJWK({ ...jwk }, header.alg));
  for (const key of keys.sealingKeys()) {
    const opened = await keys.decryptEnvelope(await seal({ alg: "ECDH-ES", enc: "A256GCM", kid: key.kid ?? "" }, key));
    t.equal(
      opened.use((plaintext) => new TextDecoder().decode(plaintext)),
      "a swipe",
    );
  }

  const kid = newer.kid as string;
  const good = await seal({ alg: "ECDH-ES", enc: "A256GCM", kid });
  const altered = `${good.slice(0, -4)}${good.endsWith("AAAA") ? "BBBB" : "AAAA"}`;
  for (const [what, jwe] of Object.entries({
    "an unknown kid": await seal({ alg: "ECDH-ES", enc: "A256GCM", kid: "nobody" }),
    "no kid": await seal({ alg: "ECDH-ES", enc: "A256GCM" }),
    "the kid of another key": await seal({ alg: "ECDH-ES", enc: "A256GCM", kid }, old),
    "another key management": await seal({ alg: "ECDH-ES+A256KW", enc: "A256GCM", kid }),
    "another cipher": await seal({ alg: "ECDH-ES", enc: "A128GCM", kid }),
    "a compressed one": await seal({ alg: "ECDH-ES", enc: "A256GCM", kid, zip: "DEF" }),
    "an altered tag": altered,
    "no JWE": "a.b.c.d.e",
    nothing: "",
  })) {
    await t.rejects(keys.decryptEnvelope(jwe), { code: "envelope_unreadable" }, what);
  }
});

t.test("opens a reader's block with the key of the longest KSN prefix", async (t) => {
  const keys = await SoftwareKeyStore.open(await keyFile());
  const clear = new TextEncoder().encode(";5452300551227189=0804");
  for (const [ksn, bdk] of [
    ["FFFF9876543210E00008", OTHER_BDK],
    ["FFFF9976543210E00008", undefined],
    ["FFFF9886543210E00008", BDK],
  ] as const) {
    for (const scheme of ["tdes-dukpt-pin-cbc", "tdes-dukpt-data-cbc"] as const) {
      if (bdk === undefined) {
        t.throws(() => keys.decryptReaderBlock(scheme, bytes(ksn), new Uint8Array(8)), { code: "reader_key_unknown" });
      } else {
        const key = deriveTransactionKey(deriveInitialKey(bytes(bdk), bytes(ksn)), bytes(ksn));
        const ciphertext = encryptReaderBlock(key, scheme, clear);
        t.equal(keys.decryptReaderBlock(scheme, bytes(ksn), ciphertext).use(hex), hex(clear).padEnd(48, "0"));
      }
    }
  }
  t.throws(() => keys.decryptReaderBlock("tdes-dukpt-pin-cbc", bytes("FFFF98"), new Uint8Array(8)), {
    code: "ksn_invalid",
  });
});

t.test("has no PIN block and no MAC before a sign-on, and the published ones after", async (t) => {
  const keys = await SoftwareKeyStore.open(await keyFile());
  t.throws(() => keys.encryptPinBlock(secret("123456"), secret("9001100000000027")), { code: "working_keys_missing" });
  t.throws(() => keys.acquirerMac(new Uint8Array(16)), { code: "working_keys_missing" });
  t.throws(() => keys.loadWorkingKeys(field62.subarray(1)), { code: "working_keys_refused" });
  t.throws(() => keys.acquirerMac(new Uint8Array(16)), { code: "working_keys_missing" });
  keys.loadWorkingKeys(field62);
  t.equal(keys.encryptPinBlock(secret("123456"), secret("9001100000000027")).length, 8);

  // The published keys of another terminal: MAC and PIN block as printed.
  const [macVector] = vectors.mac.vectors;
  const [pinVector] = vectors.pin_blocks;
  const path = join(dir, "published.json");
  await generateKeyFile(path, { terminalMasterKey: bytes(pinVector?.tmk ?? "") });
  const published = await SoftwareKeyStore.open(path);
  published.loadWorkingKeys(
    bytes(`${pinVector?.pikEncrypted}${CHECK_VALUES.pin}${macVector?.makEncrypted}0000000000000000${CHECK_VALUES.mac}`),
  );
  t.equal(hex(published.acquirerMac(bytes(macVector?.mab ?? ""))), macVector?.field64Hex);
  t.equal(
    hex(published.encryptPinBlock(secret(pinVector?.pin ?? ""), secret(pinVector?.pan ?? ""))),
    pinVector?.field52,
  );
});

/** Of the published keys 4567…EFCD and 7F52…045E: eight zero bytes encrypted with openssl enc -des-ede -nopad. */
const CHECK_VALUES = { pin: "6EB8E4EE", mac: "666CB203" };

t.test("takes no working keys without a terminal master key", async (t) => {
  const path = join(dir, "no-master-key.json");
  await generateKeyFile(path);
  const keys = await SoftwareKeyStore.open(path);
  t.throws(() => keys.loadWorkingKeys(field62), { code: "working_keys_refused" });
});

t.test("no key shows when the key store is printed", async (t) => {
  const keys = await SoftwareKeyStore.open(await keyFile());
  keys.loadWorkingKeys(field62);
  const printed = `${inspect(keys, { depth: 9, showHidden: true })}${JSON.stringify(keys)}`;
  t.notMatch(printed, new RegExp(`${BDK}|${OTHER_BDK}|${TMK}`, "i"));
});
