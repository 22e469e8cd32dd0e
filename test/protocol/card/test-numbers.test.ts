import { fitsTestNumber, isTestNumber, isTestNumberTrack, testNumbers } from "@swipewire/protocol/card/test-numbers";
import t from "tap";

const ascii = (text: string) => new TextEncoder().encode(text);

t.test("each number is whole, has a source, and is there once", async (t) => {
  for (const { pan, source } of testNumbers) {
    t.match(pan, /^\d{13,19}$/);
    t.ok(source.length > 0 && isTestNumber(ascii(pan)), source);
  }
  t.equal(new Set(testNumbers.map(({ pan }) => pan)).size, testNumbers.length);
});

t.test("what only begins or ends like a test number is none", async (t) => {
  const others = [
    "",
    "4111111111111112",
    "411111111111111",
    "41111111111111111",
    "6224242300000070",
    "4111111111111101",
  ];
  for (const pan of others) t.notOk(isTestNumber(ascii(pan)), pan);
});

t.test("a track is a test card's by its number, or is a maker's sample of track 3", async (t) => {
  t.ok(isTestNumberTrack(1, ascii("%B4111111111111111^TEST CARD/VISA^30121010000000000?")));
  t.ok(isTestNumberTrack(2, ascii(";4111111111111111=30121010000000000?")));
  t.ok(isTestNumberTrack(3, ascii(";996224242300000069=1561560000?")));
  t.ok(isTestNumberTrack(3, ascii(";5163499080020445=000000000000?")));
  t.notOk(isTestNumberTrack(3, ascii(";5163499080020445=000000000001?")));
  t.notOk(isTestNumberTrack(3, ascii(";99==1561560000?")), "no number to be seen");
  t.notOk(isTestNumberTrack(2, ascii(";4111111111111112=30121010000000000?")));
  t.notOk(isTestNumberTrack(2, ascii(";4111111111111111?")), "what does not parse");
});

t.test("a masked number has to show enough of a test number, and nothing of another", async (t) => {
  for (const masked of ["411111******1111", "4111********1111", "37828******0005"])
    t.ok(fitsTestNumber(masked), masked);
  for (const masked of [
    "411112******1111",
    "411111*******1111",
    "411111******1112",
    "411********1111",
    "411111*********1",
    "****************",
    "************1111",
    "4111111111111111",
    "",
  ]) {
    t.notOk(fitsTestNumber(masked), masked);
  }
});
