import { cardFacts } from "@swipewire/protocol/card/card-facts";
import { type EncryptedSwipe, wipeSwipe } from "@swipewire/protocol/card/swipe";
import { deriveInitialKey, deriveTransactionKey, usageKey } from "@swipewire/protocol/crypto/dukpt-tdes";
import { decryptReaderBlock, encryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import { detectFamily, readerFamilies } from "@swipewire/protocol/readers/families";
import { openSwipe, type ReaderDecryption } from "@swipewire/protocol/readers/open-swipe";
import type { ReaderFrame, ReaderTrack } from "@swipewire/protocol/readers/reader-frame";
import { swipeFromFrame, wipeFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";
import { ascii, clearText, hex, hexOf, idtech, magtek } from "./frame-samples.ts";

const bdk = hex(magtek.bdk);
const decrypt: ReaderDecryption = (scheme, ksn, ciphertext) => decryptReaderBlock(bdk, scheme, ksn, ciphertext);
const swipeOf = (bytes: Uint8Array) => swipeFromFrame(readerFamilies[detectFamily(bytes)].decode(bytes));
const example11 = () => swipeOf(hex(magtek.hid_level3_encrypted.report)) as EncryptedSwipe;
const original = () => swipeOf(hex(idtech.original_format.hex)) as EncryptedSwipe;
const line = (text: string) => swipeOf(ascii(text));

t.test("MagTek's example 11 opens to its published tracks", async (t) => {
  const swipe = example11();
  const opened = openSwipe(swipe, decrypt);
  t.strictSame(
    opened.map(({ number, data }) => [number, clearText(data)]),
    Object.values(magtek.hid_level3_encrypted.expected).map((text, n) => [n + 1, text]),
  );
  t.strictSame(cardFacts(swipe), { maskedPan: "5452********7189" });
});

t.test("ID TECH's original frame opens to its published tracks, without their LRC characters", async (t) => {
  const opened = openSwipe(original(), decrypt);
  const { track1, track2, track3Clear } = idtech.original_format;
  t.strictSame(
    opened.map(({ number, data }) => [number, clearText(data)]),
    [track1, track2, track3Clear].map((text, n) => [n + 1, text.slice(0, -1)]),
  );
  t.strictSame(cardFacts(original()), { maskedPan: "4266********9999" });
});

t.test("the published tracks encrypt to the ciphertext of the published frames", async (t) => {
  const { expected, session_key_pin_variant } = magtek.hid_level3_encrypted;
  const { track1, track2, dataKey } = idtech.original_format;
  const readers = [
    { swipe: example11(), usage: "pin", key: session_key_pin_variant, texts: Object.values(expected) },
    { swipe: original(), usage: "data-request", key: dataKey, texts: [track1 + track2] },
  ] as const;
  for (const { swipe, usage, key, texts } of readers) {
    const transactionKey = deriveTransactionKey(deriveInitialKey(bdk, swipe.ksn), swipe.ksn);
    t.equal(hexOf(usageKey(transactionKey, usage)), key);
    t.strictSame(
      texts.map((text) => hexOf(encryptReaderBlock(transactionKey, swipe.scheme, ascii(text)))),
      swipe.blocks.map(({ ciphertext }) => hexOf(ciphertext)),
    );
  }
});

t.test("MagTek's example 11 also opens to its published MagnePrint and session id", async (t) => {
  const frame = readerFamilies["magtek-magnesafe"].decode(hex(magtek.hid_level3_encrypted.report));
  const field = (name: string) => frame.fields?.find((field) => field.name === name)?.bytes ?? new Uint8Array();
  const { ksn, magnePrint, sessionId } = magtek.hid_level3_encrypted;
  const opened = (ciphertext: Uint8Array) => decryptReaderBlock(bdk, "tdes-dukpt-pin-cbc", hex(ksn), ciphertext);
  const [length = 0] = field("magnePrintAbsoluteLength");
  const print = field("magnePrint").subarray(0, Math.ceil(length / 8) * 8);
  t.equal(
    opened(print)
      .use(hexOf)
      ?.slice(0, length * 2),
    magnePrint,
  );
  t.equal(opened(field("encryptedSessionId")).use(hexOf), sessionId);
});

t.test("a frame outlives the bytes it came in, also where they are a Node Buffer", async (t) => {
  const frames = {
    ascii: ascii(magtek.kb_level2_sureswipe.text),
    idtech: hex(idtech.original_format.hex),
    "magtek-magnesafe": hex(magtek.hid_level2_clear.report),
    "magtek-magnesafe, encrypted": hex(magtek.hid_level3_encrypted.report),
  };
  for (const [name, bytes] of Object.entries(frames)) {
    const codec = readerFamilies[detectFamily(bytes)];
    const arrived = Buffer.from(bytes);
    const frame = codec.decode(arrived);
    arrived.fill(0);
    t.strictSame(codec.encode(frame), bytes, name);
  }
});

t.test("a clear swipe opens to copies, and needs no key", async (t) => {
  const swipe = line(magtek.kb_level2_sureswipe.text);
  const noKey: ReaderDecryption = () => t.fail("not to be called") as never;
  const opened = openSwipe(swipe, noKey);
  t.equal(opened.length, 3);
  for (const { data } of opened) data.wipe();
  t.strictSame(cardFacts(swipe), { maskedPan: "545230******7189", pinByServiceCode: false });
});

t.test("what was decrypted in between is wiped, and so is everything when one block fails", async (t) => {
  const seen: SensitiveBytes[] = [];
  const watching: ReaderDecryption = (...block) => {
    const clear = decrypt(...block);
    seen.push(clear);
    return clear;
  };
  openSwipe(example11(), watching);
  t.equal(seen.length, 3);
  t.ok(seen.every(({ wiped }) => wiped));
  const swipe = example11();
  swipe.blocks[2]?.ciphertext.fill(7);
  t.throws(() => openSwipe(swipe, watching), { code: "reader_decryption_failed" });
  t.ok(seen.every(({ wiped }) => wiped));
});

t.test("a wrong key, a wrong scheme and a changed ciphertext are no track", async (t) => {
  const failed = { code: "reader_decryption_failed" };
  const otherKey = hex("FEDCBA98765432100123456789ABCDEF");
  const wrong: ReaderDecryption = (scheme, ksn, ciphertext) => decryptReaderBlock(otherKey, scheme, ksn, ciphertext);
  for (const swipe of [example11(), original()]) t.throws(() => openSwipe(swipe, wrong), failed);
  t.throws(() => openSwipe({ ...example11(), scheme: "tdes-dukpt-data-cbc" }, decrypt), failed);
  const [block] = example11().blocks;
  if (!block) throw new Error("example 11 has blocks");
  for (const broken of [
    { ...block, lengths: [65] },
    { ...block, lengths: [59] },
    { ...block, lengths: [] },
    { ...block, ciphertext: block.ciphertext.subarray(0, 60) },
  ]) {
    t.throws(() => openSwipe({ ...example11(), blocks: [broken] }, decrypt), failed);
  }
});

t.test("a track that does not match its hash is refused", async (t) => {
  const swipe = original();
  const hashes = swipe.hashes.map(({ track, sha1 }) => ({ track, sha1: sha1.map((byte) => byte ^ 1) }));
  t.throws(() => openSwipe({ ...swipe, hashes }, decrypt), { code: "reader_hash_mismatch" });
  const short = swipe.hashes.map(({ track }) => ({ track, sha1: new Uint8Array() }));
  t.throws(() => openSwipe({ ...swipe, hashes: short }, decrypt), { code: "reader_hash_mismatch" });
});

t.test("a decrypted track with a wrong LRC character is refused", async (t) => {
  const swipe = original();
  const key = deriveTransactionKey(deriveInitialKey(bdk, swipe.ksn), swipe.ksn);
  const ciphertext = encryptReaderBlock(key, swipe.scheme, ascii(";4266841088889999=080910110000046?1"));
  const blocks = [{ tracks: [2 as const], lengths: [35], ciphertext }];
  t.throws(() => openSwipe({ ...swipe, blocks, hashes: [] }, decrypt), { code: "reader_decryption_failed" });
});

t.test("no failure and no swipe prints what is on the card", async (t) => {
  const printed = [JSON.stringify(example11()), JSON.stringify(line(magtek.kb_level2_sureswipe.text))];
  try {
    line(";5452300551227189=08043210?x");
  } catch (failure) {
    printed.push(String(failure), (failure as Error).stack ?? "");
  }
  t.equal(printed.length, 4);
  for (const text of printed) t.notMatch(text, /5452300|551227189/);
});

t.test("a swipe needs track 2, without which no bank is asked", async (t) => {
  const missing = { code: "reader_tracks_missing" };
  t.throws(() => line("%E?;E?\r"), missing);
  t.throws(() => line("+996224242300000069=1561?\r"), missing);
  t.throws(() => line("%B5452300551227189^HOGAN/PAUL^0804321?\r"), missing);
  const half = { bdk, ksn: new Uint8Array(10).fill(1, 0, 7) };
  for (const family of ["magtek-magnesafe", "idtech", "magtek-keyboard", "magtek-sureswipe"] as const) {
    const reader = virtualReader(family, half);
    const frame = readerFamilies[family].decode(reader.nextFrame(testCard("visa-no-pin"), [2]));
    t.throws(() => swipeFromFrame(frame), missing, family);
    t.notOk(frame.tracks[0].clear?.wiped === false, "and nothing of track 1 is left");
    wipeSwipe(swipeFromFrame(readerFamilies[family].decode(reader.nextFrame(testCard("visa-no-pin"), [1]))));
  }
  const states = (text: string) => {
    try {
      line(text);
    } catch (failure) {
      return /\((.*)\)/.exec((failure as Error).message)?.[1];
    }
    return undefined;
  };
  t.equal(states("%E?+E?\r"), "1 error, 2 blank, 3 error", "each track is told for what it is");
  t.equal(states("+996224242300000069=1561?\r"), "1 blank, 2 blank, 3 read");
  t.equal(line("%E?;5452300551227189=0804321?+01==156?\r").kind, "clear", "one good track is enough");
  t.equal(line(";5452300551227189=0804321?\r").kind, "clear");
});

t.test("a track 3 that an issuer lays out in its own way is left out, clear or encrypted", async (t) => {
  for (const own of [";=12345?", ";99123=4?", ";:1234?"]) {
    const frame = readerFamilies.ascii.decode(ascii(`;5452300551227189=0804321?+${own.slice(1)}\r`));
    const swipe = swipeFromFrame(frame);
    t.strictSame(swipe.kind === "clear" && swipe.tracks.map(({ number }) => number), [2], own);
    t.ok(frame.tracks[2].clear?.wiped);
    const card = {
      ...testCard("visa-no-pin"),
      tracks: [...testCard("visa-no-pin").tracks, { number: 3 as const, data: ascii(own) }],
    };
    for (const family of ["magtek-magnesafe", "idtech"] as const) {
      const bytes = virtualReader(family, { bdk, ksn: new Uint8Array(10).fill(1, 0, 7) }).nextFrame(card);
      const opened = openSwipe(swipeOf(bytes), decrypt);
      t.strictSame(
        opened.map(({ number }) => number),
        [1, 2],
        family,
      );
    }
  }
  t.throws(() => line(";5452300551227189=0804321?+99A?\r"), { code: "track_character" }, "what is damaged is told");
});

t.test("a clear track that does not parse fails the swipe, and the frame is wiped", async (t) => {
  const data = new SensitiveBytes(ascii(";5452300551227189?"));
  const blank = (number: 1 | 3): ReaderTrack => ({ number, state: "blank" });
  const frame: ReaderFrame = {
    family: "ascii",
    encoding: "undetermined",
    tracks: [blank(1), { number: 2, state: "read", clear: data }, blank(3)],
    checks: [],
  };
  t.throws(() => swipeFromFrame(frame), { code: "track_pan" });
  t.ok(data.wiped);
  wipeFrame(frame);
});

t.test("the family of a frame shows in its first bytes, broken or not", async (t) => {
  const report = hex(magtek.hid_level3_encrypted.report);
  t.equal(detectFamily(report), "magtek-magnesafe");
  t.equal(detectFamily(report.subarray(0, 850)), "magtek-magnesafe");
  t.equal(detectFamily(new Uint8Array(337)), "magtek-sureswipe");
  t.equal(detectFamily(hex(idtech.original_format.hex).subarray(0, 9)), "idtech");
  t.equal(detectFamily(ascii(magtek.kb_level2_sureswipe.text)), "ascii");
  for (const none of ["", "hello", "%B"]) t.throws(() => detectFamily(ascii(none)), { code: "reader_family_unknown" });
  t.throws(() => detectFamily(new Uint8Array(20)), { code: "reader_family_unknown" });
});
