import { profileOf, READER_QUIRKS, ReaderProfile, readerProfiles } from "@swipewire/protocol/readers/profiles";
import { Ajv2020 } from "ajv/dist/2020.js";
import t from "tap";
import idtech from "../../fixtures/idtech.json" with { type: "json" };
import magtek from "../../fixtures/magtek.json" with { type: "json" };

const valid = new Ajv2020({ strict: true, strictRequired: false }).compile(ReaderProfile);
const number = (text: string) => Number.parseInt(text, 16);

t.test("every profile fits the schema, has a name of its own, and is the one that its device gets", async (t) => {
  for (const profile of readerProfiles) {
    t.ok(valid(profile), profile.name);
    const { vendorId = 0x1234, productId = 0xfffe, usagePage } = profile;
    t.equal(profileOf({ vendorId, productId, ...(usagePage !== undefined && { usagePage }) }), profile, profile.name);
  }
  t.equal(new Set(readerProfiles.map(({ name }) => name)).size, readerProfiles.length);
});

t.test("every quirk is used, and said in words", async (t) => {
  const used = new Set<string>(readerProfiles.flatMap(({ quirks }) => quirks));
  t.strictSame([...used].sort(), Object.keys(READER_QUIRKS).sort());
});

t.test("the schema refuses what is no profile", async (t) => {
  const good = { name: "x", vendorId: 1, family: "idtech", quirks: [] };
  t.ok(valid(good));
  for (const bad of [
    { ...good, vendorId: 0x1_0000 },
    { ...good, family: "nfc" },
    { ...good, quirks: ["loud"] },
    { ...good, colour: "red" },
    { name: "x", family: "idtech", quirks: [] },
    { name: "x", usagePage: 1, productId: 2, family: "idtech", quirks: [] },
  ]) {
    t.notOk(valid(bad), JSON.stringify(bad));
  }
});

t.test("the ids are those that the makers' manuals and users name, and no others", async (t) => {
  const published = [
    ...Object.keys(magtek.usb.pids).map((pid) => [number(magtek.usb.vid), number(pid)]),
    ...Object.keys(idtech.usb.pids_seen).map((pid) => [number(idtech.usb.vid), number(pid)]),
  ];
  const ours = readerProfiles.flatMap(({ vendorId, productId }) =>
    productId === undefined ? [] : [[vendorId, productId]],
  );
  t.strictSame(ours.map(String).sort(), published.map(String).sort());
  for (const { shownAs, usagePage, vendorId } of readerProfiles) {
    if (shownAs === "hid" && vendorId === number(magtek.usb.vid)) t.equal(usagePage, number(magtek.usb.usage_page));
  }
});

t.test("a product goes before its vendor, and the standard's page before a maker's ids", async (t) => {
  const magnesafe = { vendorId: 0x0801, productId: 0x0011 };
  t.equal(profileOf({ ...magnesafe, usagePage: 0xff00 })?.family, "magtek-magnesafe");
  t.equal(profileOf({ ...magnesafe, usagePage: 0x8e })?.family, "hid-msr");
  t.equal(profileOf(magnesafe)?.family, "magtek-magnesafe");
  t.equal(profileOf({ vendorId: 0x0acd, productId: 0x0520 })?.baudRate, 9600);
  t.equal(profileOf({ vendorId: 0x0acd, productId: 0x9999 })?.name, "ID TECH");
  t.equal(profileOf({ vendorId: 0x1234, productId: 1, usagePage: 1 }), undefined);
  t.equal(profileOf({ vendorId: 0x1234, productId: 1 }), undefined);
});

t.test("an operator's own profile goes before a built-in one that fits as well", async (t) => {
  const own: ReaderProfile = {
    name: "till 3",
    vendorId: 0x0acd,
    productId: 0x0520,
    family: "magtek-keyboard",
    quirks: [],
  };
  t.equal(profileOf({ vendorId: 0x0acd, productId: 0x0520 }, [own, ...readerProfiles]), own);
});
