import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { hidMsr } from "@swipewire/protocol/readers/hid-msr";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { fromHexText, readCapture } from "@swipewire/simulator/inspect/capture";
import { asJson, asText } from "@swipewire/simulator/inspect/print";
import { readerProfile } from "@swipewire/simulator/inspect/reader-profile";
import { hidMsrDescriptors } from "@swipewire/simulator/readers/hid-msr-descriptors";
import { PUBLISHED_BDK as bdk } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";

const fixture = (name: string) => JSON.parse(readFileSync(`${import.meta.dirname}/../fixtures/${name}.json`, "utf8"));
const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const ascii = (text: string) => new TextEncoder().encode(text);
const example11: string = fixture("magtek").hid_level3_encrypted.report;
const original: string = fixture("idtech").original_format.hex;
const auto = readerProfile("auto");

t.test("without a key nothing but masks is shown", async (t) => {
  for (const capture of [example11, original]) {
    const inspection = auto(hex(capture), {});
    t.notOk(inspection.failure);
    t.ok(inspection.checks.every(({ passed }) => passed));
    for (const shown of [asText(inspection), asJson(inspection)]) {
      t.notMatch(shown, /5452300551227189|4266841088889999|HOGAN|BUSH|7676760707/);
    }
  }
  t.match(asText(auto(hex(example11), {})), /5452\*{8}7189/);
});

t.test("a capture is read no further than a capture can be long, and what was read is overwritten", async (t) => {
  const piece = Buffer.from(";6224242300000069=3012201?\r");
  t.same(await readCapture("-", Readable.from([piece])), ascii(";6224242300000069=3012201?\r"));
  t.ok(piece.every((byte) => byte === 0));

  let given = 0;
  const endless = Readable.from(
    (function* () {
      for (; given < 100; given++) yield Buffer.alloc(65_536, "5");
    })(),
  );
  await t.rejects(readCapture("-", endless), { code: "inspect_input_too_large" });
  t.ok(given < 50, `${given} pieces`);
});

t.test("with the test key the makers' sample cards are shown in full", async (t) => {
  const { expected } = fixture("magtek").hid_level3_encrypted;
  t.strictSame(
    auto(hex(example11), { bdk }).tracks?.map(({ clear }) => clear),
    Object.values(expected),
  );
  const inspection = auto(hex(original), { bdk });
  t.ok(asText(inspection).includes(";4266841088889999=080910110000046?"));
  t.strictSame(inspection.warnings, [
    "track 1: the card number fails the Luhn check",
    "track 2: the card number fails the Luhn check",
  ]);
  t.ok(inspection.checks.some(({ name, passed }) => name === "track hashes" && passed));
});

t.test("a card that is no test card stays masked, and it is said why", async (t) => {
  const stranger = {
    ...testCard("visa-no-pin"),
    tracks: [{ number: 2 as const, data: ascii(";6224249900000017=3012201?") }],
  };
  const reader = virtualReader("idtech", { bdk, ksn: hex("62994901190000000001") });
  const inspection = auto(reader.nextFrame(stranger), { bdk });
  t.equal(inspection.tracks?.[1]?.masked, ";622424******0017=*******?");
  t.equal(inspection.tracks?.[1]?.hidden, "clear tracks are shown of test cards only");
  t.notMatch(asJson(inspection), /6224249900000017|99000000/);
  const line = auto(ascii(";6224249900000017=3012201?\r"), { bdk });
  t.notMatch(asText(line), /99000000/);
  t.match(asText(line), /622424\*{6}0017/);
});

t.test("the zeros that fill up the reports of a HID reader are no part of its frame", async (t) => {
  const reports = new Uint8Array(Math.ceil(hex(original).length / 64) * 64);
  reports.set(hex(original));
  t.notOk(auto(reports, {}).failure);
  t.equal(auto(reports, {}).length, hex(original).length);
  t.match(auto(reports.with(9, 0xff), {}).failure, { code: /^reader_frame_/ });
});

t.test("the service code is read where it can be", async (t) => {
  t.equal(auto(ascii(";6224242300000069=3012220?\r"), {}).fields["pinByServiceCode"], "yes");
  t.equal(auto(hex(example11), {}).fields["pinByServiceCode"], "not known");
  t.equal(auto(ascii(";6224242300000069=3012220?\r"), {}).fields["scheme"], "UnionPay");
  t.equal(auto(ascii(";6029990000000000=3012220?\r"), {}).fields["scheme"], "not known");
});

t.test("a wrong key and a changed hash each fail their check", async (t) => {
  const wrongKey = auto(hex(example11), { bdk: hex("FEDCBA98765432100123456789ABCDEF") });
  t.match(wrongKey.failure, { code: "reader_decryption_failed" });
  t.ok(wrongKey.checks.some(({ name, passed }) => name === "decryption" && !passed));
  t.equal(wrongKey.tracks?.[1]?.hidden, "it could not be opened with this key");

  const changed = hex(original);
  const hash = changed.length - 3 - 10 - 20;
  changed[hash] = (changed[hash] ?? 0) ^ 0x0f;
  const payload = changed.subarray(3, -3);
  changed.set([payload.reduce((a, b) => a ^ b, 0), payload.reduce((a, b) => a + b, 0) & 0xff], changed.length - 3);
  const inspection = auto(changed, { bdk });
  t.match(inspection.failure, { code: "reader_hash_mismatch" });
  t.ok(inspection.checks.some(({ name, passed }) => name === "track hashes" && !passed));
});

t.test("a track that does not parse is told and not shown", async (t) => {
  const inspection = auto(ascii(";6224242300000069?\r"), { bdk });
  t.match(inspection.failure, { code: "track_pan" });
  t.match(asText(inspection), /FAIL {2}tracks make a swipe/);
  t.notMatch(asText(inspection), /622424/);
});

t.test("a broken frame still tells every check that could be made", async (t) => {
  const broken = hex(original);
  broken[50] = (broken[50] ?? 0) ^ 1;
  const text = asText(auto(broken, {}));
  t.match(text, /pass {2}STX/);
  t.match(text, /pass {2}length: 381 bytes/);
  t.match(text, /FAIL {2}LRC/);
  t.match(text, /FAIL {2}checksum/);
  t.match(text, /reader_frame_lrc: /);
});

t.test("bytes of no family are told so", async (t) => {
  t.match(auto(ascii("hello"), {}).failure, { code: "reader_family_unknown" });
});

t.test("hex text may hold any white space; anything else is binary", async (t) => {
  t.strictSame(fromHexText(ascii(" 02 7d\r\n\t01\n")), hex("027D01"));
  t.equal(fromHexText(ascii("%B12?")), undefined);
  t.equal(fromHexText(hex("0203")), undefined);
  t.equal(fromHexText(new Uint8Array()), undefined);
  t.throws(() => fromHexText(ascii("027")), { code: "inspect_input_unreadable" });
});

const folder = mkdtempSync(join(tmpdir(), "swipewire-inspect-"));
t.teardown(() => import("node:fs").then(({ rmSync }) => rmSync(folder, { recursive: true })));

function run(args: string[], input: string | Uint8Array = "") {
  const bin = join(import.meta.dirname, "../../simulator/bin/swipewire-sim.js");
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, "inspect", ...args], {
    input,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

t.test("the command reads hex from standard input and prints JSON", async (t) => {
  const { status, stdout } = run(
    ["--in", "-", "--json", "--bdk", fixture("magtek").bdk],
    example11.replace(/(.{64})/g, "$1\n"),
  );
  t.equal(status, 0);
  const report = JSON.parse(stdout);
  t.equal(report.ok, true);
  t.equal(report.profile, "magtek-magnesafe");
  t.equal(report.fields.ksn, "FFFF9876543210E00008");
  t.equal(report.tracks[1].clear, ";5452300551227189=080432100000007250?");
});

t.test("the command reads binary from a file and exits 1 for a broken frame", async (t) => {
  const file = join(folder, "frame.bin");
  writeFileSync(file, hex(original).subarray(0, 200));
  const { status, stdout } = run(["--profile", "idtech", "--in", file]);
  t.equal(status, 1);
  t.match(stdout, /FAIL {2}ETX/);
});

t.test("a HID POS report is inspected by its reader's descriptor", async (t) => {
  const [, packed] = hidMsrDescriptors;
  if (!packed) throw new Error("the simulator has descriptors");
  const file = join(folder, "descriptor.bin");
  writeFileSync(file, packed.bytes);
  const reader = virtualReader(hidMsr(packed.bytes), { bdk, ksn: new Uint8Array(10) });
  const report = Buffer.from(reader.nextFrame(testCard("visa-no-pin"))).toString("hex");
  const { status, stdout } = run(["--in", "-", "--profile", "hid-msr", "--descriptor", file], report);
  t.equal(status, 0);
  t.match(stdout, /411111\*{6}1111/);
  t.notMatch(stdout, /4111111111111111/);
});

t.test("a driving licence is told for what it is, and nothing of it is shown", async (t) => {
  const licence = hex(fixture("magtek").hid_level2_clear.report);
  licence[6] = 1;
  for (const shown of [asText(auto(licence, { bdk })), asJson(auto(licence, { bdk }))]) {
    t.match(shown, /reader_card_not_payment/);
    t.match(shown, /aamva/);
    t.notMatch(shown, /5452|7189|HOGAN|Luhn/);
  }
});

t.test("keyboard text is inspected as its family", async (t) => {
  const line = auto(ascii(fixture("magtek").kb_level2.text), { bdk });
  t.equal(line.profile, "magtek-keyboard");
  t.notOk(line.failure);
  t.ok(line.checks.some(({ name, passed }) => name === "CRC" && passed));
  t.notMatch(asText(line), /6F36/, "a check value over the clear tracks tells of them");
  const secured = auto(ascii(fixture("idtech").secured_keyboard_mode.text), {});
  t.equal(secured.profile, "idtech-keyboard");
  t.match(asText(secured), /T134000064/);
});

t.test("wrong usage exits 2, says what is allowed and never repeats a key", async (t) => {
  const wrong: [string[], RegExp][] = [
    [
      ["--in", "-", "--profile", "nfc"],
      /magtek-sureswipe, magtek-magnesafe, magtek-keyboard, idtech, idtech-keyboard, ascii, hid-msr, auto/,
    ],
    [[], /--in <file\|->/],
    [["--in", join(folder, "none")], /ENOENT/],
    [["--in", "-", "--bdk", "0123"], /--bdk: 32 hex digits/],
    [["--in", "-", "--colour"], /--colour/],
    [["--in", "-", "--profile", "hid-msr"], /--descriptor <file>/],
  ];
  for (const [args, expected] of wrong) {
    const { status, stdout, stderr } = run(args, example11);
    t.equal(status, 2, args.join(" "));
    t.match(stderr, expected);
    t.equal(stdout, "");
    t.notMatch(stderr, /0123/);
  }
});
