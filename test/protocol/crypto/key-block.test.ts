import { aesCtr, decryptAesCbc } from "@swipewire/protocol/crypto/aes";
import { aesCmac } from "@swipewire/protocol/crypto/cmac";
import { deriveUpdateKey } from "@swipewire/protocol/crypto/dukpt-aes";
import { unwrapKeyBlock, wrapKeyBlock } from "@swipewire/protocol/crypto/key-block";
import {
  buildKeyBlockHeader,
  type KeyBlockHeader,
  type KeyBlockVersion,
  keyBlockSizes,
  parseKeyBlockHeader,
} from "@swipewire/protocol/crypto/key-block-header";
import { deriveKeyBlockKeys } from "@swipewire/protocol/crypto/key-block-keys";
import { aesKeyCheckValue, keyCheckValue } from "@swipewire/protocol/crypto/key-check-value";
import { decryptCbc, tdesKey } from "@swipewire/protocol/crypto/tdes";
import {
  KeyBlockHeaderInvalid,
  KeyBlockKeyLength,
  KeyBlockLength,
  KeyBlockMacInvalid,
  KeyBlockNotHex,
  KeyBlockOptionalBlockInvalid,
} from "@swipewire/protocol/errors";
import fc from "fast-check";
import t from "tap";
import aesVectors from "../../fixtures/dukpt-aes.json" with { type: "json" };
import vectors from "../../fixtures/key-blocks.json" with { type: "json" };
import { seededRandom } from "../../seeded-random.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const ascii = (text: string) => new TextEncoder().encode(text);

const accepted = vectors.unwrap.filter(({ expect }) => expect === "ok");

/**
 * ISO 20038:2017 B.3 is listed with two keys, one after the other: the one its text names, and the one that its MAC input
 * shows is in the block.
 */
const keyOf = ({ id, key }: { id: string; key: string }) => (id === "test10_tr31_ascii" ? key.slice(32) : key);

/** What the maker of a published block padded its key with: decrypted here without the code that is tested. */
function paddingOf(block: string, protectionKey: Uint8Array, keyLength: number): Uint8Array {
  const { header, length } = parseKeyBlockHeader(block);
  const macAt = block.length - keyBlockSizes[header.version].mac * 2;
  const [ciphertext, mac] = [bytes(block.slice(length, macAt)), bytes(block.slice(macAt))];
  const { encryption } = deriveKeyBlockKeys(protectionKey, header.version);
  const payload = {
    A: () => decryptCbc(tdesKey(encryption), ciphertext, ascii(block.slice(0, 8))),
    B: () => decryptCbc(tdesKey(encryption), ciphertext, mac),
    C: () => decryptCbc(tdesKey(encryption), ciphertext, ascii(block.slice(0, 8))),
    D: () => decryptAesCbc(encryption, ciphertext, mac),
    E: () => aesCtr(encryption, ciphertext, mac),
  }[header.version]();
  return payload.slice(2 + keyLength);
}

t.test("every published block opens to its key, and the key to its check value", async (t) => {
  for (const row of accepted) {
    const { header, key } = unwrapKeyBlock(bytes(row.kbpk), row.keyBlock);
    t.equal(key.use(hex), keyOf(row), row.id);
    t.equal(
      `${header.version}${header.keyUsage}${header.algorithm}`,
      row.keyBlock.replace(/^(.)....(...).*$/s, "$1$2"),
    );
    if (header.algorithm === "T") t.equal(hex(key.use((k) => keyCheckValue(tdesKey(k), 3))), row.kcv, row.id);
    if (header.algorithm === "A") t.equal(hex(key.use((k) => aesKeyCheckValue(k, 3))), row.kcv, row.id);
  }
  t.equal(accepted.length, 11);
  t.same([...new Set(accepted.map(({ keyBlock }) => keyBlock[0]))].sort(), ["A", "B", "D", "E"]);
});

t.test("every published block is made again from its key, its header and its padding", async (t) => {
  for (const row of accepted) {
    const protectionKey = bytes(row.kbpk);
    const { header, key } = unwrapKeyBlock(protectionKey, row.keyBlock);
    const padding = paddingOf(row.keyBlock, protectionKey, key.length);
    const random = {
      bytes(length: number) {
        t.equal(length, padding.length, row.id);
        return padding;
      },
    };
    const apparentLength = key.length + padding.length;
    t.equal(
      key.use((clear) => wrapKeyBlock(protectionKey, header, clear, random, { apparentLength })),
      row.keyBlock,
      row.id,
    );
  }
});

t.test("the blocks that X9.143 misprints are refused", async (t) => {
  const reasons = vectors.unwrap
    .filter(({ expect }) => expect === "reject")
    .map(({ kbpk, keyBlock }) => {
      try {
        unwrapKeyBlock(bytes(kbpk), keyBlock);
        return "taken";
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
  t.same(reasons, ["key_block_optional_block_invalid", "key_block_length", "key_block_length"]);
});

t.test("derives the published encryption and authentication keys", async (t) => {
  let columns = 0;
  for (const row of vectors.keyDerivation) {
    const kbpk = bytes(row.kbpk);
    if (row.kbek_variant) {
      columns++;
      for (const version of ["A", "C"] as const) {
        const { encryption, authentication } = deriveKeyBlockKeys(kbpk, version);
        t.same([hex(encryption), hex(authentication)], [row.kbek_variant, row.kbak_variant], row.origin);
      }
    }
    if (row.kbek_derive) {
      columns++;
      const version = kbpk.length === 16 ? "B" : row.origin === "ISO 20038:2017, B.2" ? "E" : "D";
      const { encryption, authentication } = deriveKeyBlockKeys(kbpk, version);
      t.same([hex(encryption), hex(authentication)], [row.kbek_derive, row.kbak_derive], row.origin);
    }
  }
  t.equal(columns, 9);
});

const header = (version: KeyBlockVersion, changes: Partial<KeyBlockHeader> = {}): KeyBlockHeader => ({
  version,
  keyUsage: "B0",
  algorithm: "T",
  modeOfUse: "X",
  keyVersion: "00",
  exportability: "E",
  keyContext: "0",
  optionalBlocks: [],
  ...changes,
});

const protectionLengths = { A: [16, 24], B: [16, 24], C: [16, 24], D: [16, 24, 32], E: [16, 24, 32] };
const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
const hexText = fc.uint8Array({ maxLength: 200 }).map(hex);
const optionalBlocks = fc.uniqueArray(
  fc.oneof(
    fc.record({ id: fc.constantFrom("KS", "IK", "KC", "BI"), data: hexText }),
    fc.record({ id: fc.constantFrom("LB", "TS", "CT", "WP", "10"), data: text }),
  ),
  { selector: ({ id }) => id, maxLength: 5 },
);

t.test("what is wrapped comes out, for every version, key and header", async () => {
  fc.assert(
    fc.property(
      fc.constantFrom<KeyBlockVersion>("A", "B", "C", "D", "E"),
      fc.nat(),
      fc.constantFrom("T", "A", "D", "H"),
      optionalBlocks,
      fc.constantFrom("0", "1", "2"),
      fc.integer(),
      (version, pick, algorithm, optionalBlocks, keyContext, seed) => {
        const random = seededRandom(seed);
        const lengths = protectionLengths[version];
        const protectionKey = random.bytes(lengths[pick % lengths.length] ?? 16);
        const tdesBlock = version < "D";
        if (tdesBlock && algorithm === "A") return true;
        const keyLength = { T: [16, 24], A: [16, 24, 32], D: [8], H: [1, 20, 64] }[algorithm] ?? [];
        const key = random.bytes(keyLength[pick % keyLength.length] ?? 16);
        if (algorithm === (tdesBlock ? "T" : "A") && key.length > protectionKey.length) return true;
        const given = header(version, { algorithm, optionalBlocks, keyContext });
        const block = wrapKeyBlock(protectionKey, given, key, random);
        using opened = unwrapKeyBlock(protectionKey, block).key;
        const parsed = parseKeyBlockHeader(block).header;
        const withoutPadding = parsed.optionalBlocks.filter(({ id }) => id !== "PB");
        return (
          opened.use(hex) === hex(key) &&
          JSON.stringify({ ...parsed, optionalBlocks: withoutPadding }) === JSON.stringify(given)
        );
      },
    ),
    { numRuns: 200 },
  );
});

t.test("by default a block does not tell how long its key is", async (t) => {
  const random = seededRandom(7);
  const length = (version: KeyBlockVersion, algorithm: string, keyLength: number) =>
    wrapKeyBlock(
      new Uint8Array(version < "D" ? 24 : 32),
      header(version, { algorithm }),
      random.bytes(keyLength),
      random,
    ).length;
  t.equal(length("B", "T", 16), length("B", "T", 24));
  t.equal(length("D", "A", 16), length("D", "A", 32));
  t.equal(length("E", "A", 24), length("E", "A", 32));
  t.throws(() => wrapKeyBlock(new Uint8Array(24), header("B"), new Uint8Array(24), random, { apparentLength: 16 }), {
    code: "key_block_key_length",
  });
});

t.test("a key is not wrapped by a weaker one, nor with a length that its algorithm lacks", async (t) => {
  const wrap = (version: KeyBlockVersion, protection: number, algorithm: string, length: number) => () =>
    wrapKeyBlock(new Uint8Array(protection), header(version, { algorithm }), new Uint8Array(length), seededRandom(1));
  t.throws(wrap("B", 24, "A", 16), { code: "key_too_weak" });
  t.throws(wrap("B", 16, "T", 24), { code: "key_too_weak" });
  t.throws(wrap("D", 16, "A", 32), { code: "key_too_weak" });
  t.doesNotThrow(wrap("D", 16, "T", 24));
  for (const [algorithm, length] of [
    ["A", 15],
    ["T", 8],
    ["D", 16],
    ["H", 0],
  ] as const) {
    t.throws(wrap("D", 32, algorithm, length), { code: "key_block_key_length" });
  }
  for (const [version, length] of [
    ["B", 8],
    ["B", 32],
    ["D", 8],
  ] as const) {
    t.throws(wrap(version, length, "D", 8), { code: "key_length" });
    t.throws(() => deriveKeyBlockKeys(new Uint8Array(length), version), { code: "key_length" });
  }
  t.throws(wrap("D", 32, "H", 5000), { code: "key_block_length" });
});

t.test("headers with what X9.143 does not allow are neither built nor taken", async (t) => {
  const valid = buildKeyBlockHeader(header("B"), 64);
  t.equal(valid, "B0080B0TX00E0000");
  const invalid = { code: "key_block_header_invalid" };
  for (const changes of [
    { keyUsage: "b0" },
    { keyUsage: "B" },
    { algorithm: "X" },
    { modeOfUse: "Q" },
    { keyVersion: "0 " },
    { exportability: "X" },
    { keyContext: "3" },
  ]) {
    t.throws(() => buildKeyBlockHeader(header("B", changes), 64), invalid, JSON.stringify(changes));
  }
  const rest = "0".repeat(64);
  for (const text of [
    "F0080B0TX00E0000",
    "b0080B0TX00E0000",
    "B+080B0TX00E0000",
    "B0080b0TX00E0000",
    "B0080B0XX00E0000",
    "B0080B0TQ00E0000",
    "B0080B0TX-0E0000",
    "B0080B0TX00X0000",
    "B0080B0TX00E0x00",
    "B0080B0TX00E0030",
    "B0080B0TX00E0001",
  ]) {
    t.throws(() => parseKeyBlockHeader(text + rest), invalid, text);
  }
  for (const text of ["", "B0080", "B0081B0TX00E0000", "B0079B0TX00E0000"]) {
    t.throws(() => parseKeyBlockHeader(text === "" || text === "B0080" ? text : text + rest), {
      code: "key_block_length",
    });
  }
});

t.test("optional blocks are parsed, long ones too, and padded to the cipher's blocks", async (t) => {
  const long = "x".repeat(300);
  const given = header("D", {
    optionalBlocks: [
      { id: "KS", data: "00604B120F929280" },
      { id: "LB", data: long },
    ],
  });
  const text = buildKeyBlockHeader(given, 96);
  t.match(text, /^D\d{4}B0TX00E0300KS1400604B120F929280LB00040136x+PB/);
  const { header: parsed, length } = parseKeyBlockHeader(text + "0".repeat(96));
  t.equal(length, text.length);
  t.equal(length % 16, 0);
  t.same(parsed.optionalBlocks.slice(0, 2), given.optionalBlocks);
  t.equal(parsed.optionalBlocks[2]?.id, "PB");
  t.equal(buildKeyBlockHeader(parsed, 96), text, "a padding block that fits is kept");
  const [, , padding] = parsed.optionalBlocks;
  const invalid = { code: "key_block_optional_block_invalid" };
  for (const optionalBlocks of [
    [{ id: "ks", data: "" }],
    [{ id: "K", data: "" }],
    [{ id: "KS", data: "VM9A" }],
    [{ id: "KS", data: "123" }],
    [{ id: "LB", data: "tab\t" }],
    [{ id: "LB", data: "é" }],
    [
      { id: "LB", data: "a" },
      { id: "LB", data: "b" },
    ],
    [{ id: "PB", data: "0000" }],
    [...(padding ? [padding] : []), { id: "LB", data: "after" }],
    Array.from({ length: 100 }, (_, n) => ({
      id: `${"0123456789A"[Math.floor(n / 10)]}${n % 10}`,
      data: "x".repeat(12),
    })),
  ]) {
    t.throws(() => buildKeyBlockHeader(header("D", { optionalBlocks }), 96), invalid, JSON.stringify(optionalBlocks));
  }
  const huge = [{ id: "LB", data: "x".repeat(9990) }];
  t.throws(() => buildKeyBlockHeader(header("D", { optionalBlocks: huge }), 96), { code: "key_block_length" });
  for (const optional of ["LB03", "LBFF", "LB0g", "LB000500000A", "LB00040009", "LB000", "LB05a"]) {
    const block = `B${String(16 + optional.length + 64).padStart(4, "0")}B0TX00E0100${optional}${"0".repeat(64)}`;
    t.throws(() => parseKeyBlockHeader(block), invalid, optional);
  }
});

t.test("any altered character is noticed, and a wrong protection key too", async (t) => {
  const random = seededRandom(31);
  for (const version of ["A", "B", "C", "D", "E"] as const) {
    const protectionKey = random.bytes(version < "D" ? 24 : 32);
    const given = header(version, { optionalBlocks: [{ id: "KS", data: "00604B120F9292800000" }] });
    const block = wrapKeyBlock(protectionKey, given, random.bytes(16), random);
    for (let at = 0; at < block.length; at++) {
      const altered = `${block.slice(0, at)}${block[at] === "1" ? "2" : "1"}${block.slice(at + 1)}`;
      try {
        unwrapKeyBlock(protectionKey, altered);
        t.fail(`version ${version}, character ${at}`);
      } catch (error) {
        if (!isKeyBlockFailure(error)) throw error;
      }
    }
    const other = random.bytes(protectionKey.length);
    t.throws(() => unwrapKeyBlock(other, block), { code: "key_block_mac_invalid" }, version);
  }
});

t.test("lower-case hexadecimal and half blocks of ciphertext are refused", async (t) => {
  const row = accepted.find(({ id }) => id === "test3_tr31_ascii");
  if (!row) throw new Error("the fixture has the row");
  const kbpk = bytes(row.kbpk);
  t.throws(() => unwrapKeyBlock(kbpk, row.keyBlock.slice(0, 16) + row.keyBlock.slice(16).toLowerCase()), {
    code: "key_block_not_hex",
  });
  const shorter = `B0078${row.keyBlock.slice(5, -2)}`;
  t.throws(() => unwrapKeyBlock(kbpk, shorter), { code: "key_block_length" });
  t.throws(() => unwrapKeyBlock(kbpk, `B0032${row.keyBlock.slice(5, 32)}`), { code: "key_block_length" });
  t.throws(() => unwrapKeyBlock(new Uint8Array(8), row.keyBlock), { code: "key_length" });
});

t.test("a block whose MAC is right but whose key length is not gives no key", async (t) => {
  const kbpk = seededRandom(3).bytes(16);
  const { encryption, authentication } = deriveKeyBlockKeys(kbpk, "E");
  const blockOf = (algorithm: string, bits: number) => {
    const payload = new Uint8Array(34);
    new DataView(payload.buffer).setUint16(0, bits);
    const text = buildKeyBlockHeader(header("E", { algorithm }), 100);
    const mac = aesCmac(authentication, Uint8Array.of(...ascii(text), ...payload));
    return text + hex(aesCtr(encryption, payload, mac)) + hex(mac);
  };
  t.equal(unwrapKeyBlock(kbpk, blockOf("A", 256)).key.length, 32);
  for (const [algorithm, bits] of [
    ["A", 120],
    ["T", 256],
    ["H", 0],
    ["H", 12],
    ["H", 264],
    ["H", 0xffff],
  ] as const) {
    t.throws(() => unwrapKeyBlock(kbpk, blockOf(algorithm, bits)), { code: "key_block_key_length" }, `${bits} bits`);
  }
});

t.test("the next initial key goes to a device under its update key", async (t) => {
  const { initialKey, initialKeyId } = aesVectors.aes128;
  const updateKey = deriveUpdateKey(bytes(initialKey), bytes(`${initialKeyId}00000000`), "aes-128");
  const given = header("D", {
    keyUsage: "B1",
    algorithm: "A",
    optionalBlocks: [{ id: "IK", data: "1234567890123457" }],
  });
  const next = seededRandom(5).bytes(16);
  const block = wrapKeyBlock(updateKey, given, next, seededRandom(6));
  t.equal(hex(updateKey), aesVectors.aes128.updateKey);
  t.equal(unwrapKeyBlock(updateKey, block).key.use(hex), hex(next));
});

const FAILURES = [
  KeyBlockHeaderInvalid,
  KeyBlockKeyLength,
  KeyBlockLength,
  KeyBlockMacInvalid,
  KeyBlockNotHex,
  KeyBlockOptionalBlockInvalid,
];
const isKeyBlockFailure = (error: unknown) => FAILURES.some((failure) => error instanceof failure);

t.test("20,000 random, truncated and bit-flipped blocks give a typed failure", async (t) => {
  const random = seededRandom(99);
  const int = (below: number) => new DataView(random.bytes(4).buffer).getUint32(0) % below;
  const short = accepted.filter(({ keyBlock }) => keyBlock.length < 1000);
  const seen = new Set<string>();
  for (let i = 0; i < 20_000; i++) {
    const row = short[int(short.length)];
    if (!row) throw new Error("there are rows");
    const characters = ascii(row.keyBlock);
    const kind = i % 4;
    let altered: Uint8Array = characters;
    if (kind === 0) altered = random.bytes(int(120));
    if (kind === 1) altered = characters.slice(0, int(characters.length));
    if (kind >= 2) {
      for (let flips = 1 + int(3); flips > 0; flips--) {
        // Half of the flips hit the header, where the parsing is.
        const at = int(kind === 2 ? 40 : characters.length);
        altered[at] = (altered[at] ?? 0) ^ (1 << int(8));
      }
    }
    const block = Buffer.from(altered).toString("latin1");
    if (block === row.keyBlock) continue;
    try {
      unwrapKeyBlock(bytes(row.kbpk), block);
      t.fail(`input ${i} was taken`);
    } catch (error) {
      if (!isKeyBlockFailure(error)) throw error;
      seen.add((error as { code: string }).code);
    }
  }
  t.ok(seen.size >= 5, [...seen].join(", "));
});
