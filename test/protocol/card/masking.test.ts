import { cardFacts } from "@swipewire/protocol/card/card-facts";
import { maskPan, maskTrack } from "@swipewire/protocol/card/masking";
import { readMaskedTrack, revealsTooMuch } from "@swipewire/protocol/card/reader-mask";
import type { Swipe } from "@swipewire/protocol/card/swipe";
import { MaskedPan } from "@swipewire/protocol/messages/fields";
import { checker } from "@swipewire/protocol/messages/parse";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";
import t from "tap";

const bytes = (text: string) => new TextEncoder().encode(text);
const checkMaskedPan = checker(MaskedPan);
const digits = (min: number, max: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map((digits) => digits.join(""));
const number = fc.constantFrom<TrackNumber>(1, 2, 3);

t.test("a PAN shows its first six and last four, a short one only its last four, anything else nothing", async (t) => {
  t.equal(maskPan(bytes("6224242300000069")), "622424******0069");
  t.equal(maskPan(bytes("6224242300000000002")), "622424*********0002");
  t.equal(maskPan(bytes("622424230000")), "********0000");
  for (const odd of ["", "6224242", "62242423000000690000", "62242423000000=9"])
    t.equal(maskPan(bytes(odd)), undefined);
});

t.test("a track keeps its length and shows its masked PAN only", async (t) => {
  t.equal(maskTrack(2, bytes(";6224242300000069=30122200000?")), ";622424******0069=***********?");
  t.equal(maskTrack(1, bytes("%B6224242300000069^A/B^3012220?")), "%B622424******0069^***********?");
  t.equal(maskTrack(3, bytes(";996224242300000069=1561?")), ";**6224********0069=****?");
});

t.test("a track 3 that begins with its PAN, without a format code, shows no more than its first six", async (t) => {
  t.equal(maskTrack(3, bytes(";6224242300000069=1561?")), ";**2424******0069=****?");
});

t.test("what does not parse is not shown", async (t) => {
  t.equal(maskTrack(2, bytes(";6224242300000069=30122200000")), undefined);
  t.equal(maskTrack(2, bytes(";6224242300000069?")), undefined);
  t.equal(maskTrack(3, bytes(";996224242300000069?")), undefined);
});

t.test("no more than six digits of a PAN in a row survive masking, however the track is broken", async () => {
  const broken = fc
    .tuple(
      number,
      digits(8, 19),
      digits(0, 20),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
    )
    .map(([number, pan, rest, damage]) => {
      const track = bytes(
        number === 1 ? `%B${pan}^A/B^${rest}?` : number === 2 ? `;${pan}=${rest}?` : `;99${pan}=${rest}?`,
      );
      for (const [at, value] of damage) track[at % track.length] = value;
      return { number, track, pan };
    });
  fc.assert(
    fc.property(broken, ({ number, track, pan }) => {
      const shown = [maskTrack(number, track), maskPan(track.subarray(1, 17)), maskPan(bytes(pan))].join(" ");
      if (/\d{7}/.test(shown)) return false;
      for (let at = 0; at + 7 <= pan.length; at++) if (shown.includes(pan.slice(at, at + 7))) return false;
      return true;
    }),
    { seed: 3, numRuns: 5000 },
  );
});

t.test("a masked PAN always matches the schema of the messages", async () => {
  fc.assert(
    fc.property(digits(8, 19), (pan) => {
      checkMaskedPan(maskPan(bytes(pan)));
    }),
    { seed: 4, numRuns: 500 },
  );
});

const clear = (...tracks: [TrackNumber, string][]): Swipe => ({
  kind: "clear",
  family: "ascii",
  tracks: tracks.map(([number, text]) => ({ number, data: new SensitiveBytes(bytes(text)) })),
});
const encrypted = (...masked: [TrackNumber, string][]): Swipe => ({
  kind: "encrypted",
  family: "idtech",
  scheme: "tdes-dukpt-data-cbc",
  ksn: new Uint8Array(10),
  blocks: [],
  hashes: [],
  clearTracks: [],
  masked: masked.map(([track, text]) => ({ track, text })),
});

t.test("facts of a clear card come from track 2, then track 1", async (t) => {
  const track1 = "%B6224242300000069^A/B^3012201000?";
  t.strictSame(cardFacts(clear([1, track1], [2, ";6224242300000069=3012220000?"])), {
    maskedPan: "622424******0069",
    pinByServiceCode: true,
  });
  t.strictSame(cardFacts(clear([1, track1])), { maskedPan: "622424******0069", pinByServiceCode: false });
  t.strictSame(cardFacts(clear([2, ";6224242300000069=3012=000?"])), { maskedPan: "622424******0069" });
  t.strictSame(cardFacts(clear([2, ";broken?"])), {});
  t.strictSame(cardFacts(clear([3, ";996224242300000069=1561?"])), {});
});

t.test("facts of an encrypted card are what its reader shows", async (t) => {
  const magtek = cardFacts(encrypted([2, ";5452000000007189=080400000000000000?"]));
  t.strictSame(magtek, { maskedPan: "5452********7189" }, "zeros hide the service code");
  checkMaskedPan(magtek.maskedPan);
  t.strictSame(cardFacts(encrypted([1, "%*4266********9999^BUSH JR/GEORGE W.MR^****************?*"])), {
    maskedPan: "4266********9999",
  });
  t.strictSame(cardFacts(encrypted([2, ";4266********9999=0809120********?*"])), {
    maskedPan: "4266********9999",
    pinByServiceCode: true,
  });
  t.strictSame(
    cardFacts(encrypted([2, ";622424**0000=0809120********?*"])).maskedPan,
    "********0000",
    "of a short number its last four, whatever the reader shows",
  );
  t.strictSame(cardFacts(encrypted([2, "nonsense"])), {});
  t.strictSame(cardFacts(encrypted()), {});
});

t.test("a reader that masks too little is caught, one that masks enough is not", async (t) => {
  for (const [number, text] of [
    [2, ";6224242300000069=3012220000?"],
    [2, ";6224240000000069=3012220001?"],
    [2, ";622424230****0069=************?*"],
    [1, "%B6224242300000069^A/B^30122200000?"],
    [3, ";996224242300000069=000?"],
    [3, ";5163000050000445=0100?"],
  ] as [TrackNumber, string][]) {
    t.ok(revealsTooMuch(number, bytes(text)), text);
    t.equal(readMaskedTrack(number, bytes(text)), undefined);
  }
  for (const [number, text] of [
    [1, "%B5452000000007189^HOGAN/PAUL      ^08040000000000000000000?"],
    [2, ";5452000000007189=080400000000000000?"],
    [3, ";5163000050000445=000000000000?"],
    [2, ";4266********9999=***************?*"],
  ] as [TrackNumber, string][]) {
    t.notOk(revealsTooMuch(number, bytes(text)), text);
    t.equal(readMaskedTrack(number, bytes(text)), text);
  }
});
