import { readFileSync } from "node:fs";
import { trackFormats } from "@swipewire/protocol/card/alphabets";
import { passesLuhn } from "@swipewire/protocol/card/luhn";
import { pinByServiceCode, readServiceCode } from "@swipewire/protocol/card/service-code";
import { parseTrack } from "@swipewire/protocol/card/track";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import t from "tap";

const published: {
  samples: { raw: string; track: TrackNumber }[];
  luhn: { pan: string; ok: boolean }[];
  serviceCode: { pinRequired: string[]; pinIfPed: string[]; chipFallbackFlag: string[] };
  iso7811: Record<"track1" | "track2" | "track3", { dataBits: number; max: number; start: string; separator: string }>;
} = JSON.parse(readFileSync(`${import.meta.dirname}/../../fixtures/tracks.json`, "utf8"));
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (part: Uint8Array | undefined) => part && new TextDecoder().decode(part);

t.test("published tracks parse", async (t) => {
  const parts = published.samples.map(({ raw, track }) => {
    const parsed = parseTrack(track, bytes(raw));
    if (parsed.number === 3) throw new Error("no track 3 among them");
    return [parsed.pan, parsed.name, parsed.expiry, parsed.serviceCode, parsed.discretionary].map(text);
  });
  t.strictSame(parts, [
    ["4266841088889999", "BUSH JR/GEORGE W.MR", "0809", "101", "100001100000000046000000"],
    ["4266841088889999", undefined, "0809", "101", "10000046"],
    ["5452300551227189", "HOGAN/PAUL      ", "0804", "321", "0000000725000000"],
    ["5452300551227189", undefined, "0804", "321", "00000007250"],
  ]);
});

t.test("a part is a view into the track's own bytes, so that wiping the track wipes it", async (t) => {
  const track = bytes(";6224242300000069=30122200000000?");
  const { pan } = parseTrack(2, track);
  track.fill(0);
  t.ok(pan.every((byte) => byte === 0));
});

t.test("separators in place of expiry date and service code mean that they are absent", async (t) => {
  const parsed = parseTrack(2, bytes(";6224242300000069==220123?"));
  t.notOk(parsed.expiry);
  t.equal(text(parsed.serviceCode), "220");
  const neither = parseTrack(2, bytes(";6224242300000069===123?"));
  t.notOk(neither.expiry);
  t.notOk(neither.serviceCode);
  t.equal(text(neither.discretionary), "123");
  const bare = parseTrack(1, bytes("%B6224242300000069^ ^^^?"));
  t.notOk(bare.expiry);
  t.notOk(bare.serviceCode);
  t.equal(bare.discretionary.length, 0);
});

t.test("odd and past expiry dates, a blank name and a 19-digit PAN are fine", async (t) => {
  for (const expiry of ["0000", "4912", "9913", "0101"]) {
    t.equal(text(parseTrack(2, bytes(`;6224242300000069=${expiry}220?`)).expiry), expiry);
  }
  t.equal(text(parseTrack(2, bytes(";6224242300000000002=3012220?")).pan)?.length, 19);
  t.equal(text(parseTrack(1, bytes("%B6224242300000069^^3012220?")).name), "");
});

t.test("track 3 beside a track 2 need not have a PAN", async (t) => {
  const track = parseTrack(3, bytes(";01==1560000000000000003000000?"));
  t.equal(text(track.formatCode), "01");
  t.notOk(track.pan);
  t.equal(text(track.discretionary), "=1560000000000000003000000");
});

t.test("track 3 gives format code and PAN, or neither separator nor PAN", async (t) => {
  const track = parseTrack(3, bytes(";996224242300000069=1561560?"));
  t.equal(text(track.formatCode), "99");
  t.equal(text(track.pan), "6224242300000069");
  t.equal(text(track.discretionary), "1561560");
  t.notOk(parseTrack(3, bytes(";3333333333767676070707?")).pan);
});

t.test("each broken rule has its failure, which tells the place and not the content", async (t) => {
  const bad: [TrackNumber, string, string, string][] = [
    [2, "", "track_sentinel", "track 2, offset 0"],
    [2, ";", "track_sentinel", "track 2, offset 0"],
    [2, "4111111111111111=3012201?", "track_sentinel", "track 2, offset 0"],
    [2, ";4111111111111111=3012201", "track_sentinel", "track 2, offset 24"],
    [2, ";4111111111111111=3012201;123?", "track_character", "track 2, offset 25"],
    [2, ";4111111111111111=3012201?123?", "track_character", "track 2, offset 25"],
    [2, ";4111A11111111111=3012201?", "track_character", "track 2, offset 5"],
    [2, ";41111111:1111111=3012201?", "track_pan", "track 2, offset 1"],
    [2, ";4111111=3012201?", "track_pan", "track 2, offset 1"],
    [2, ";41111111111111111111=3012201?", "track_pan", "track 2, offset 1"],
    [2, ";4111111111111111?", "track_pan", "track 2, offset 1"],
    [2, ";4111111111111111=301?", "track_expiry", "track 2, offset 18"],
    [2, ";4111111111111111=30:2201?", "track_expiry", "track 2, offset 18"],
    [2, ";4111111111111111=301220?", "track_service_code", "track 2, offset 22"],
    [2, `;4111111111111111=${"1".repeat(22)}?`, "track_too_long", "track 2, 41 of at most 39 characters"],
    [1, "%A4111111111111111^A/B^3012201?", "track_format_code", "track 1, offset 1"],
    [1, "%b4111111111111111^A/B^3012201?", "track_character", "track 1, offset 1"],
    [1, "%B4111111111111111^A/B?", "track_name", "track 1, offset 19"],
    [1, `%B4111111111111111^${"A".repeat(27)}^3012201?`, "track_name", "track 1, offset 19"],
    [1, "%B4111111111111111^A/B^30X2201?", "track_expiry", "track 1, offset 23"],
    [3, ";9?", "track_format_code", "track 3, offset 1"],
    [3, ";996224242=1?", "track_pan", "track 3, offset 3"],
    [3, ";9962:4242300000069=1?", "track_pan", "track 3, offset 3"],
    [3, `;99${"1".repeat(120)}?`, "track_too_long", "track 3, 124 of at most 106 characters"],
  ];
  for (const [number, raw, code, detail] of bad) {
    try {
      parseTrack(number, bytes(raw));
      t.fail(`${code} expected`);
    } catch (failure) {
      t.match(failure, { code });
      const { message } = failure as Error;
      t.ok(message.includes(`(${detail})`), `${message} has ${detail}`);
      t.notMatch(message, /\d{5}/);
    }
  }
});

t.test("Luhn agrees with the published list", async (t) => {
  t.equal(published.luhn.length, 6);
  for (const { pan, ok } of published.luhn) t.equal(passesLuhn(bytes(pan)), ok, pan);
  t.notOk(passesLuhn(new Uint8Array()));
});

t.test("the tracks have their published sizes and sentinels", async (t) => {
  for (const number of [1, 2, 3] as const) {
    const { alphabet, maxLength, startSentinel, separator } = trackFormats[number];
    const format = { dataBits: alphabet.dataBits, max: maxLength, start: startSentinel, separator };
    const { dataBits, max, start, separator: between } = published.iso7811[`track${number}`];
    t.strictSame(format, { dataBits, max, start: start.charCodeAt(0), separator: between.charCodeAt(0) });
  }
});

t.test("the service code says whether there is a PIN", async (t) => {
  for (const digit of published.serviceCode.pinRequired) t.equal(pinByServiceCode(bytes(`12${digit}`)), true);
  for (const digit of published.serviceCode.pinIfPed) t.equal(pinByServiceCode(bytes(`20${digit}`)), true);
  for (const digit of "124") t.equal(pinByServiceCode(bytes(`20${digit}`)), false);
  for (const digit of "125679") {
    t.equal(readServiceCode(bytes(`${digit}01`))?.chip, published.serviceCode.chipFallbackFlag.includes(digit), digit);
  }
  for (const odd of ["208", "20", "2010", "2=1", ""]) t.equal(pinByServiceCode(bytes(odd)), undefined);
  t.strictSame(readServiceCode(bytes("620")), {
    chip: true,
    interchange: "national",
    authorisation: "by issuer",
    services: "no restriction",
    pin: "required",
  });
  t.strictSame(readServiceCode(bytes("388")), { chip: false });
});
