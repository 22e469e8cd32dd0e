import { createPublicKey, verify } from "node:crypto";
import { inspect } from "node:util";
import type { KeyPurpose } from "@swipewire/gateway/keys/key-record";
import type { OpenedKeys } from "@swipewire/gateway/keys/open-keys";
import { decryptAesCbc, encryptAesCbc } from "@swipewire/protocol/crypto/aes";
import { decryptEcb, tdesKey } from "@swipewire/protocol/crypto/tdes";
import { verifySealingKeys } from "@swipewire/protocol/envelope/sealing-keys";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { CompactEncrypt, importJWK } from "jose";
import type { Test } from "tap";
import aesDukpt from "../../fixtures/dukpt-aes.json" with { type: "json" };
import tdesDukpt from "../../fixtures/dukpt-tdes.json" with { type: "json" };
import keyBlocks from "../../fixtures/key-blocks.json" with { type: "json" };
import unionPay from "../../fixtures/unionpay-8583.json" with { type: "json" };

export const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
export const secret = (text: string) => SensitiveBytes.copyOf(new TextEncoder().encode(text));

/** A store of its own for each call: empty but for one envelope key, and opened as often as somebody wants. */
export type MakeStore = (t: Test) => Promise<{ open(): Promise<OpenedKeys> }>;

export const AES = { BDK: aesDukpt.aes128.bdk, BDK_256: aesDukpt.aes256.bdk };
const [download] = unionPay.key_download;
const [macVector] = unionPay.mac.vectors;
const [pinVector] = unionPay.pin_blocks;
/** Of the published keys 4567…EFCD and 7F52…045E: eight zero bytes encrypted with openssl enc -des-ede -nopad. */
const CHECK_VALUES = { pin: "6EB8E4EE", mac: "666CB203" };

const readers = (name: string, algorithm: "TDES" | "AES", ksnPrefix: string): KeyPurpose => ({
  name,
  use: "base-derivation",
  algorithm,
  ksnPrefix,
});
const bank: KeyPurpose = { name: "bank", use: "terminal-master", algorithm: "TDES" };

export async function seal(
  key: PublicJwk | undefined,
  header: { alg: string; enc: string; kid?: string; zip?: "DEF" },
): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode("a swipe"))
    .setProtectedHeader(header)
    .encrypt(await importJWK({ ...key }, header.alg));
}
export const sealed = (key: PublicJwk | undefined) =>
  seal(key, { alg: "ECDH-ES", enc: "A256GCM", ...(key?.kid !== undefined && { kid: key.kid }) });

/** What every place that keys are kept in does alike. */
export function keyStoreSuite(t: Test, make: MakeStore): void {
  t.test("opens what was sealed to either of two envelope keys, and nothing else", async (t) => {
    const { open } = await make(t);
    const { store, custody } = await open();
    const [old] = store.sealingKeys();
    const record = await custody.rotateEnvelopeKey();
    t.same(
      store.sealingKeys().map(({ kid }) => kid),
      [record.name, old?.kid],
      "newest first",
    );
    for (const key of store.sealingKeys()) {
      t.notOk("d" in key);
      const opened = await store.decryptEnvelope(await sealed(key));
      t.equal(
        opened.use((plaintext) => new TextDecoder().decode(plaintext)),
        "a swipe",
      );
    }
    await t.rejects(custody.rotateEnvelopeKey(), { code: "envelope_keys_two" });

    const [key] = store.sealingKeys();
    const kid = record.name;
    const good = await sealed(key);
    const parts = good.split(".");
    const header = (change: object) =>
      Buffer.from(
        JSON.stringify({ ...JSON.parse(String(Buffer.from(parts[0] ?? "", "base64url"))), ...change }),
      ).toString("base64url");
    const withHeader = (change: object) => [header(change), ...parts.slice(1)].join(".");
    for (const [what, jwe] of Object.entries({
      "the kid of another key": await seal(old, { alg: "ECDH-ES", enc: "A256GCM", kid }),
      "another key management": await seal(key, { alg: "ECDH-ES+A256KW", enc: "A256GCM", kid }),
      "another cipher": await seal(key, { alg: "ECDH-ES", enc: "A128GCM", kid }),
      "a compressed one": await seal(key, { alg: "ECDH-ES", enc: "A256GCM", kid, zip: "DEF" }),
      "an altered tag": `${good.slice(0, -4)}${good.endsWith("AAAA") ? "BBBB" : "AAAA"}`,
      "a short tag": [...parts.slice(0, 4), parts[4]?.slice(0, 16)].join("."),
      "an encrypted key": [parts[0], "AAAA", ...parts.slice(2)].join("."),
      "another header": withHeader({ typ: "x" }),
      "a critical extension": withHeader({ crit: ["b64"], b64: false }),
      "a public key on another curve": withHeader({ epk: { kty: "OKP", crv: "Ed25519", x: key?.x } }),
      "a public key of low order": withHeader({ epk: { kty: "OKP", crv: "X25519", x: "A".repeat(43) } }),
      "a short public key": withHeader({ epk: { kty: "OKP", crv: "X25519", x: "AAAA" } }),
      "no public key": withHeader({ epk: undefined }),
      "no JWE": "a.b.c.d.e",
      nothing: "",
    })) {
      await t.rejects(store.decryptEnvelope(jwe), { code: "envelope_unreadable" }, what);
    }
    const unknown = { code: "envelope_key_unknown" };
    await t.rejects(store.decryptEnvelope(await seal(key, { alg: "ECDH-ES", enc: "A256GCM", kid: "nobody" })), unknown);
    await t.rejects(store.decryptEnvelope(await seal(key, { alg: "ECDH-ES", enc: "A256GCM" })), unknown, "no kid");
    await t.rejects(
      store.decryptEnvelope(await seal(key, { alg: "ECDH-ES", enc: "A256GCM", kid: store.gatewayKey().kid as string })),
      unknown,
      "a key that opens nothing",
    );

    const retired = custody.retirableEnvelopeKey();
    t.equal(retired.name, old?.kid);
    await custody.remove(retired.name);
    await t.rejects(store.decryptEnvelope(await sealed(old)), unknown, "retired");
    t.equal((await store.decryptEnvelope(good)).length, "a swipe".length);
    t.throws(() => custody.retirableEnvelopeKey(), { code: "envelope_key_last" });
    await t.rejects(custody.remove(kid), { code: "envelope_key_last" });
  });

  t.test("signs which keys to seal to, with a key that outlives rotations and restarts", async (t) => {
    const { open } = await make(t);
    const { store, custody, close } = await open();
    const question = "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e";
    const pinned = store.gatewayKey();
    await custody.rotateEnvelopeKey();
    t.same(await verifySealingKeys(store.signSealingKeys(question), question, pinned), store.sealingKeys());
    await custody.remove(custody.retirableEnvelopeKey().name);
    close();
    const again = await open();
    t.same(again.store.gatewayKey(), pinned);
    const statement = again.store.signSealingKeys(question);
    t.same(await verifySealingKeys(statement, question, pinned), again.store.sealingKeys());
    t.equal(again.store.sealingKeys().length, 1);

    // As a store of a release that had no such key.
    await again.custody.remove(pinned.kid ?? "");
    t.throws(() => again.store.gatewayKey(), { code: "gateway_key_missing" });
    t.throws(() => again.store.signSealingKeys(question), { code: "gateway_key_missing" });
    await again.custody.rotateEnvelopeKey();
    t.not(again.store.gatewayKey().kid, pinned.kid);
    await t.rejects(verifySealingKeys(again.store.signSealingKeys(question), question, pinned), {
      code: "sealing_keys_refused",
    });
  });

  t.test("takes over what another process changes, and goes on with its working keys", async (t) => {
    const { open } = await make(t);
    const running = await open();
    await running.custody.add(bank, bytes(download?.tmk ?? ""), { allowWeak: true });
    running.store.loadWorkingKeys(bytes(download?.field62 ?? ""));
    const mac = running.store.acquirerMac(new Uint8Array(8));
    const command = await open();
    t.equal(await running.refresh(), false, "nothing yet");
    const [old] = running.store.sealingKeys();
    await command.custody.rotateEnvelopeKey();
    t.equal(await running.refresh(), true);
    t.same(running.store.list(), command.store.list());
    t.equal((await running.store.decryptEnvelope(await sealed(old))).length, "a swipe".length);
    t.equal((await running.store.decryptEnvelope(await sealed(command.store.sealingKeys()[0]))).length, 7);
    await command.custody.remove(command.custody.retirableEnvelopeKey().name);
    t.equal(await running.refresh(), true);
    await t.rejects(running.store.decryptEnvelope(await sealed(old)), { code: "envelope_key_unknown" });
    t.same(running.store.acquirerMac(new Uint8Array(8)), mac);
    t.equal(await running.refresh(), false);

    await command.custody.rotateEnvelopeKey();
    const [newest] = command.store.sealingKeys();
    t.not(running.store.sealingKeys()[0]?.kid, newest?.kid);
    t.equal((await running.store.decryptEnvelope(await sealed(newest))).length, 7, "looked for when it is needed");
    t.equal(running.store.sealingKeys()[0]?.kid, newest?.kid);
  });

  t.test("signs certificates and statements, each with a key of its own that never leaves", async (t) => {
    const { open } = await make(t);
    const { store, custody, close } = await open();
    const input = new TextEncoder().encode("to be signed");
    t.throws(() => store.authorityKey(), { code: "authority_missing" });
    t.throws(() => store.signCertificate(input), { code: "authority_missing" });
    const record = await custody.makeAuthority();
    await t.rejects(custody.makeAuthority(), { code: "authority_exists" });
    t.match(store.authorityKey(), { ...record, use: "certificate-authority", algorithm: "Ed25519", bits: 256 });
    const kbpk = { algorithm: "AES", key: SensitiveBytes.copyOf(bytes(AES.BDK)) } as const;
    t.throws(() => custody.exportKeyBlock(record.name, kbpk), { code: "key_not_exportable" });
    const signed = (x: string | undefined, signature: Uint8Array) =>
      verify(
        null,
        input,
        createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: x ?? "" }, format: "jwk" }),
        signature,
      );
    t.ok(signed(record.publicKey, store.signCertificate(input)));
    t.ok(signed(store.gatewayKey().x, store.signStatement(input)));
    t.notOk(signed(store.gatewayKey().x, store.signCertificate(input)));
    const before = store.signCertificate(input);
    close();
    const again = (await open()).store;
    t.same(again.authorityKey(), record);
    t.same(again.signCertificate(input), before, "the same after a restart, and each time");
  });

  t.test("opens the published requests of TDES DUKPT, by the longest KSN prefix", async (t) => {
    const { store, custody } = await (await make(t)).open();
    await custody.add(readers("all", "TDES", "ffff98"), bytes(tdesDukpt.bdk));
    await custody.add(readers("others", "TDES", "FFFF98765431"), bytes("11111111111111112222222222222222"), {
      allowWeak: true,
    });
    for (const { ksn, encryptedRequest } of tdesDukpt.rows) {
      const clear = store.decryptReaderBlock("tdes-dukpt-data-cbc", bytes(ksn), bytes(encryptedRequest));
      t.equal(
        clear.use((data) => new TextDecoder().decode(data).replaceAll("\0", "")),
        tdesDukpt.transactionData,
        ksn,
      );
    }
    // The PIN variant, from the printed key: what a MagTek reader sends.
    const [row] = tdesDukpt.rows;
    const block = bytes(row?.encryptedPinBlock ?? "");
    t.equal(
      store.decryptReaderBlock("tdes-dukpt-pin-cbc", bytes(row?.ksn ?? ""), block).use(hex),
      hex(decryptEcb(tdesKey(bytes(row?.pinKey ?? "")), block)),
    );
    const other = bytes("FFFF9876543110E00008");
    const request = bytes(tdesDukpt.rows[0]?.encryptedRequest ?? "");
    t.not(
      store.decryptReaderBlock("tdes-dukpt-data-cbc", other, request).use(hex),
      undefined,
      "the longer prefix's key is asked",
    );
    const unknown = () => store.decryptReaderBlock("tdes-dukpt-data-cbc", bytes("FFFF9976543210E00008"), request);
    t.throws(unknown, { code: "reader_key_unknown" });
    t.throws(() => store.decryptReaderBlock("aes-dukpt-data-cbc", bytes("FFFF98765432100000000001"), request), {
      code: "reader_key_unknown",
    });
    t.throws(() => store.decryptReaderBlock("tdes-dukpt-data-cbc", bytes("FFFF98"), request), { code: "ksn_invalid" });
    const [ksn] = tdesDukpt.rows.map((row) => bytes(row.ksn));
    t.throws(() => store.decryptReaderBlock("tdes-dukpt-data-cbc", ksn ?? other, request.subarray(1)), {
      code: "ciphertext_length",
    });
  });

  t.test("opens what a reader encrypts under the published data keys of AES DUKPT", async (t) => {
    const { store, custody } = await (await make(t)).open();
    const clear = bytes("00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF");
    const iv = new Uint8Array(16);
    for (const [name, vectors, column] of [
      ["aes-128", aesDukpt.aes128, "dataEncryptKey_AES128"],
      ["aes-256", aesDukpt.aes256, "dataEncryptKey_AES256"],
    ] as const) {
      await custody.add(readers(name, "AES", vectors.initialKeyId.slice(0, 8)), bytes(vectors.bdk));
      for (const row of vectors.rows) {
        const key = (row as Record<string, string>)[column] ?? "";
        const ciphertext = encryptAesCbc(bytes(key), clear, iv);
        t.equal(
          store.decryptReaderBlock("aes-dukpt-data-cbc", bytes(row.ksn), ciphertext).use(hex),
          hex(clear),
          row.ksn,
        );
        t.equal(hex(decryptAesCbc(bytes(key), ciphertext, iv)), hex(clear));
      }
      await custody.remove(name);
    }
  });

  t.test("has no PIN block and no MAC before a sign-on, and the published ones after", async (t) => {
    const { store, custody } = await (await make(t)).open();
    const field62 = bytes(download?.field62 ?? "");
    t.throws(() => store.loadWorkingKeys(field62), { code: "working_keys_refused" }, "without a master key");
    await custody.add(bank, bytes(download?.tmk ?? ""), { allowWeak: true });
    const pan = secret("9001100000000027");
    t.throws(() => store.encryptPinBlock(secret("123456"), pan), { code: "working_keys_missing" });
    t.throws(() => store.acquirerMac(new Uint8Array(16)), { code: "working_keys_missing" });
    t.throws(() => store.verifyAcquirerMac(new Uint8Array(16), new Uint8Array(8)), { code: "working_keys_missing" });
    t.throws(() => store.loadWorkingKeys(field62.subarray(1)), { code: "working_keys_refused" });
    const altered = field62.map((byte, i) => (i === field62.length - 1 ? byte ^ 1 : byte));
    t.throws(() => store.loadWorkingKeys(altered), { code: "working_keys_refused" });
    t.throws(() => store.acquirerMac(new Uint8Array(16)), { code: "working_keys_missing" });
    store.loadWorkingKeys(field62);
    t.equal(store.encryptPinBlock(secret("123456"), pan).length, 8);
    t.throws(() => store.encryptPinBlock(secret("123"), pan), { code: "pin_block_pin" });

    // The published keys of another terminal: MAC and PIN block as printed.
    await custody.remove("bank");
    await custody.add(bank, bytes(pinVector?.tmk ?? ""), { allowWeak: true });
    store.loadWorkingKeys(
      bytes(
        `${pinVector?.pikEncrypted}${CHECK_VALUES.pin}${macVector?.makEncrypted}0000000000000000${CHECK_VALUES.mac}`,
      ),
    );
    const message = bytes(macVector?.mab ?? "");
    const mac = store.acquirerMac(message);
    t.equal(hex(mac), macVector?.field64Hex);
    t.ok(store.verifyAcquirerMac(message, mac));
    t.notOk(store.verifyAcquirerMac(message.subarray(1), mac));
    t.notOk(
      store.verifyAcquirerMac(
        message,
        mac.map((byte, i) => (i === 7 ? byte ^ 1 : byte)),
      ),
    );
    t.notOk(store.verifyAcquirerMac(message, mac.subarray(1)), "another length");
    const pinBlock = store.encryptPinBlock(secret(pinVector?.pin ?? ""), secret(pinVector?.pan ?? ""));
    t.equal(hex(pinBlock), pinVector?.field52);
    t.throws(() => store.loadWorkingKeys(altered), { code: "working_keys_refused" });
    t.same(store.acquirerMac(message), mac, "a refused set leaves the last one in use");
  });

  t.test("lists keys with their published check values, and never a byte of them", async (t) => {
    const { open } = await make(t);
    const { store, custody, close } = await open();
    const tdes = keyBlocks.unwrap.find(({ id }) => id === "test7_tr31_ascii");
    const aes = "3F419E1CB7079442AA37474C2EFBF8B8";
    await custody.add(readers("tdes", "TDES", "FFFF98"), bytes(tdes?.key ?? ""));
    await custody.add(readers("aes", "AES", "12345678"), bytes(aes));
    await custody.add(bank, bytes(download?.tmk ?? ""), { allowWeak: true });
    store.loadWorkingKeys(bytes(download?.field62 ?? ""));
    t.match(store.list(), [
      { use: "gateway-signing", algorithm: "Ed25519", bits: 256 },
      { use: "envelope", algorithm: "X25519", bits: 256 },
      {
        name: "tdes",
        use: "base-derivation",
        algorithm: "TDES",
        bits: 128,
        checkValue: tdes?.kcv,
        ksnPrefix: "FFFF98",
      },
      // X9.143 A.7.4 prints it: of the CMAC.
      { name: "aes", use: "base-derivation", algorithm: "AES", bits: 128, checkValue: "08793E", ksnPrefix: "12345678" },
      { name: "bank", use: "terminal-master", algorithm: "TDES", bits: 128 },
    ]);
    const printed = `${inspect({ store, custody }, { depth: 9, showHidden: true })}${JSON.stringify({ store, custody, list: store.list() })}`;
    for (const key of [tdes?.key ?? "", aes, download?.tmk ?? ""]) {
      // As hex, as a list of numbers, and as inspect shows a buffer.
      const forms = [key, key.toLowerCase().replaceAll(/(..)(?=.)/g, "$1 "), [...bytes(key)].join(",")];
      for (const form of [...forms, [...bytes(key)].join(", ")])
        t.notOk(printed.toUpperCase().includes(form.toUpperCase()));
    }
    const before = store.list();
    close();
    t.same((await open()).store.list(), before, "the same after a restart");
  });

  t.test("a restart changes nothing but the working keys, which are gone", async (t) => {
    const { open } = await make(t);
    const first = await open();
    await first.custody.add(readers("readers", "TDES", "FFFF98"), bytes(tdesDukpt.bdk));
    await first.custody.add(bank, bytes(download?.tmk ?? ""), { allowWeak: true });
    first.store.loadWorkingKeys(bytes(download?.field62 ?? ""));
    const jwe = await sealed(first.store.sealingKeys()[0]);
    first.close();
    const { store } = await open();
    t.equal((await store.decryptEnvelope(jwe)).length, "a swipe".length);
    t.throws(() => store.acquirerMac(new Uint8Array(8)), { code: "working_keys_missing" });
    store.loadWorkingKeys(bytes(download?.field62 ?? ""));
    const [row] = tdesDukpt.rows;
    const [ksn, request] = [bytes(row?.ksn ?? ""), bytes(row?.encryptedRequest ?? "")];
    t.equal(store.decryptReaderBlock("tdes-dukpt-data-cbc", ksn, request).length, request.length);
  });

  t.test("operations that run into each other do not disturb each other", async (t) => {
    const { store, custody } = await (await make(t)).open();
    await custody.add(readers("readers", "TDES", "FFFF98"), bytes(tdesDukpt.bdk));
    await custody.add(bank, bytes(pinVector?.tmk ?? ""), { allowWeak: true });
    store.loadWorkingKeys(
      bytes(
        `${pinVector?.pikEncrypted}${CHECK_VALUES.pin}${macVector?.makEncrypted}0000000000000000${CHECK_VALUES.mac}`,
      ),
    );
    const jwes = await Promise.all(Array.from({ length: 20 }, () => sealed(store.sealingKeys()[0])));
    await Promise.all(
      tdesDukpt.rows.slice(0, 20).map(async ({ ksn, encryptedRequest }, i) => {
        const opening = store.decryptEnvelope(jwes[i] ?? "");
        const refused = t.rejects(store.decryptEnvelope("a.b.c.d.e"), { code: "envelope_unreadable" });
        t.equal(hex(store.acquirerMac(bytes(macVector?.mab ?? ""))), macVector?.field64Hex);
        const clear = store.decryptReaderBlock("tdes-dukpt-data-cbc", bytes(ksn), bytes(encryptedRequest));
        t.ok(clear.use((data) => new TextDecoder().decode(data)).startsWith(tdesDukpt.transactionData));
        t.equal((await opening).length, "a swipe".length);
        await refused;
      }),
    );
  });

  t.test("makes keys, takes blocks, and refuses what does not fit", async (t) => {
    const { store, custody } = await (await make(t)).open();
    const made = await custody.generate(readers("made", "AES", "AABBCCDD"), 256);
    t.match(made, { bits: 256, algorithm: "AES", ksnPrefix: "AABBCCDD" });
    t.same(custody.find("made"), made);
    const [block, other] = ["test7_tr31_ascii", "test1_tr31_format_b"].map((id) =>
      keyBlocks.unwrap.find((row) => row.id === id),
    );
    const kbpk = { algorithm: "AES", key: SensitiveBytes.copyOf(bytes(block?.kbpk ?? "")) } as const;
    const purpose = { name: "from-block", use: "base-derivation", ksnPrefix: "FFFF" } as const;
    const imported = await custody.importKeyBlock(block?.keyBlock ?? "", kbpk, purpose);
    t.match(imported, { checkValue: block?.kcv, algorithm: "TDES", bits: 128, exportable: false });
    const [row] = tdesDukpt.rows;
    t.equal(store.decryptReaderBlock("tdes-dukpt-data-cbc", bytes(row?.ksn ?? ""), new Uint8Array(8)).length, 8);

    const wrong = { algorithm: "TDES", key: SensitiveBytes.copyOf(bytes(other?.key ?? "")) } as const;
    const master = { name: "bank", use: "terminal-master" } as const;
    for (const [what, code, attempt] of [
      ["a name twice", "key_name_taken", () => custody.generate(readers("made", "AES", "FF"), 128)],
      ["a prefix twice", "key_unsuitable", () => custody.generate(readers("x", "AES", "aabbccdd"), 128)],
      ["no prefix", "key_unsuitable", () => custody.generate({ ...bank, use: "base-derivation" }, 128)],
      ["a prefix that is none", "key_unsuitable", () => custody.generate(readers("x", "AES", "XY"), 128)],
      ["a prefix for the bank", "key_unsuitable", () => custody.generate({ ...bank, ksnPrefix: "FF" }, 128)],
      ["three-key TDES DUKPT", "key_unsuitable", () => custody.generate(readers("x", "TDES", "AA"), 192)],
      ["an AES master key", "key_unsuitable", () => custody.generate({ ...bank, algorithm: "AES" }, 128)],
      ["a weak key", "key_weak", () => custody.add(bank, new Uint8Array(16).fill(0x44))],
      ["no such key", "key_unknown", () => custody.remove("nobody")],
      ["the wrong KBPK", "key_block_mac_invalid", () => custody.importKeyBlock(other?.keyBlock ?? "", wrong, master)],
      ["another use", "key_block_unsuitable", () => custody.importKeyBlock(block?.keyBlock ?? "", kbpk, master)],
      [
        "half a block",
        "key_block_length",
        () => custody.importKeyBlock(block?.keyBlock.slice(0, 40) ?? "", kbpk, purpose),
      ],
      [
        "a KBPK that is not there",
        "key_unknown",
        () => custody.importKeyBlock(block?.keyBlock ?? "", "nobody", { ...purpose, name: "x", ksnPrefix: "A1" }),
      ],
      [
        "a KBPK that is none",
        "key_unsuitable",
        () => custody.importKeyBlock(block?.keyBlock ?? "", "made", { ...purpose, name: "x", ksnPrefix: "A1" }),
      ],
    ] as const) {
      await t.rejects(async () => attempt(), { code }, what);
    }
    t.throws(() => custody.exportKeyBlock("from-block", kbpk), { code: "key_not_exportable" });
    t.throws(() => custody.exportKeyBlock(store.sealingKeys()[0]?.kid ?? "", kbpk), { code: "key_not_exportable" });
    t.equal(custody.list().length, 4, "nothing was kept of what was refused");
  });
}
