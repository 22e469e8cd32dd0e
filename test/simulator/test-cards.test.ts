import { readFileSync } from "node:fs";
import { passesLuhn } from "@swipewire/protocol/card/luhn";
import { parseTrack } from "@swipewire/protocol/card/track";
import { isTestPan, isTestTrack } from "@swipewire/simulator/cards/shown-in-full";
import { testCard, testCards } from "@swipewire/simulator/cards/test-cards";
import t from "tap";

const ascii = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const fixture = (name: string) => JSON.parse(readFileSync(`${import.meta.dirname}/../fixtures/${name}.json`, "utf8"));

t.test("every test card parses, and its tracks agree on the PAN", async (t) => {
  for (const card of testCards) {
    for (const { number, data } of card.tracks) {
      const parsed = parseTrack(number, data);
      if (parsed.number !== 3) t.strictSame(text(parsed.pan), text(card.pan), `${card.name} track ${number}`);
    }
    t.equal(passesLuhn(card.pan), !card.name.endsWith("-sample"), `${card.name} and Luhn`);
    if (card.pin) t.match(text(card.pin), /^\d{4,12}$/);
    t.equal(testCard(card.name), card);
  }
  t.equal(new Set(testCards.map(({ name }) => name)).size, testCards.length);
});

t.test("the makers' samples are as printed in their manuals", async (t) => {
  const { expected } = fixture("magtek").hid_level3_encrypted;
  t.strictSame(
    testCard("magtek-sample").tracks.map(({ data }) => text(data)),
    [expected.track1, expected.track2, expected.track3],
  );
  const { track1, track2, track3Clear } = fixture("idtech").original_format;
  t.strictSame(
    testCard("idtech-sample").tracks.map(({ data }) => text(data)),
    [track1, track2, track3Clear].map((track: string) => track.slice(0, -1)),
  );
});

t.test("there is a UnionPay card with a PAN of 19 digits", async (t) => {
  t.ok(testCards.some(({ pan }) => pan.length === 19 && text(pan).startsWith("62")));
});

t.test("an unknown card is refused with the names there are", async (t) => {
  t.throws(() => testCard("gold"), { code: "test_card_unknown", message: /unionpay-debit, unionpay-credit/ });
});

t.test("only test numbers may be shown in full", async (t) => {
  t.ok(isTestPan(ascii("6224242300000069")));
  t.ok(isTestPan(ascii("4242424242424242")));
  for (const pan of ["6224242300000077", "4242424242424241", "42424242424242420", ""]) t.notOk(isTestPan(ascii(pan)));
  t.ok(isTestTrack(3, ascii(";5163499080020445=000000000000?")), "a test card's own track");
  t.notOk(isTestTrack(3, ascii(";5163499080020445=000000000001?")));
  t.notOk(isTestTrack(2, ascii(";4242424242424242?")), "a track that does not parse");
});
