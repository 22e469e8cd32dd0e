import { lintProfiles } from "@swipewire/protocol/readers/profile-lint";
import {
  profileOf,
  READER_FACES,
  READER_QUIRKS,
  ReaderProfile,
  readerProfiles,
} from "@swipewire/protocol/readers/profiles";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import t from "tap";
import idtech from "../../fixtures/idtech.json" with { type: "json" };
import magtek from "../../fixtures/magtek.json" with { type: "json" };

const valid = new Ajv2020({ strict: true, strictRequired: false }).compile(ReaderProfile);
const number = (text: string) => Number.parseInt(text, 16);

t.test("every profile fits the schema, has a name of its own, and is the one that its device gets", async (t) => {
  for (const profile of readerProfiles) {
    t.ok(valid(profile), profile.name);
    const { vendorId = "1234", productId = "fffe", usagePage } = profile;
    const device = { vendorId: number(vendorId), productId: number(productId) };
    t.equal(profileOf({ ...device, ...(usagePage !== undefined && { usagePage: number(usagePage) }) }), profile);
  }
  t.equal(new Set(readerProfiles.map(({ name }) => name)).size, readerProfiles.length);
});

t.test("every quirk is used, and said in words", async (t) => {
  const used = new Set<string>(readerProfiles.flatMap(({ quirks }) => quirks));
  t.strictSame([...used].sort(), Object.keys(READER_QUIRKS).sort());
});

t.test("the schema refuses what is no profile", async (t) => {
  const good = { name: "x", vendorId: "0001", family: "idtech", quirks: [] };
  t.ok(valid(good));
  for (const bad of [
    { ...good, vendorId: 0x0acd },
    { ...good, vendorId: "0ACD" },
    { ...good, vendorId: "acd" },
    { ...good, family: "nfc" },
    { ...good, quirks: ["loud"] },
    { ...good, colour: "red" },
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
    vendorId === undefined || productId === undefined ? [] : [[number(vendorId), number(productId)]],
  );
  t.strictSame(ours.map(String).sort(), published.map(String).sort());
  for (const { shownAs, usagePage, vendorId } of readerProfiles) {
    if (shownAs === "hid" && vendorId === "0801") t.equal(number(usagePage ?? ""), number(magtek.usb.usage_page));
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

t.test("an operator's own profile goes before a built-in one, however much that one says", async (t) => {
  const device = { vendorId: 0x0acd, productId: 0x0520 };
  const own: ReaderProfile = { name: "till", vendorId: "0acd", family: "magtek-keyboard", quirks: [] };
  t.equal(profileOf(device, [...readerProfiles, own]), own);
  const narrower: ReaderProfile = { ...own, name: "till 3", productId: "0520" };
  t.equal(profileOf(device, [own, narrower, ...readerProfiles]), narrower);
  t.equal(profileOf({ ...device, usagePage: 0x8e }, [own, ...readerProfiles]), own);
});

t.test("a profile fits the faces that it names, or those that its family can come in", async (t) => {
  const reader = { vendorId: 0x1d50, productId: 0x6018 };
  const own: ReaderProfile = { name: "till", vendorId: "1d50", family: "ascii", quirks: [] };
  const faces = (profile: ReaderProfile) =>
    READER_FACES.filter((shownAs) => profileOf({ ...reader, shownAs }, [profile]));
  t.strictSame(faces(own), ["keyboard", "serial"]);
  t.strictSame(faces({ ...own, shownAs: "serial" }), ["serial"]);
  t.strictSame(faces({ ...own, shownAs: "vendor" }), ["vendor"], "only where it says so");
  t.strictSame(faces({ ...own, family: "magtek-magnesafe", shownAs: "vendor" }), []);
  t.strictSame(faces({ ...own, family: "magtek-magnesafe" }), ["hid"]);
  t.strictSame(faces({ ...own, family: "idtech" }), ["hid", "keyboard", "serial"]);
});

t.test(
  "the linter has nothing to say of a good list, nor of the built-in one but that its names are taken",
  async (t) => {
    const good: ReaderProfile[] = [
      {
        name: "till",
        vendorId: "1d50",
        productId: "6018",
        shownAs: "serial",
        family: "ascii",
        baudRate: 19_200,
        quirks: [],
      },
      { name: "its keyboard", vendorId: "1d50", productId: "6018", shownAs: "keyboard", family: "ascii", quirks: [] },
      { name: "others of its maker", vendorId: "1d50", family: "ascii", quirks: [] },
      { name: "a page of the standard", usagePage: "008c", family: "idtech", quirks: [] },
    ];
    t.strictSame(lintProfiles(good), []);
    t.strictSame(
      lintProfiles(readerProfiles),
      readerProfiles.map((_, at) => ({ at, field: "name", text: "is taken (built in); give this one another" })),
    );
  },
);

const sound: ReaderProfile = { name: "till", vendorId: "1d50", productId: "6018", family: "ascii", quirks: [] };
const { vendorId: _vendor, productId: _product, ...anyDevice } = sound;

for (const [what, wrong, problem] of [
  ["a product of nobody", { ...anyDevice, productId: "6018" }, { field: "productId", text: /without vendorId/ }],
  ["no id at all", anyDevice, { text: /every device; give vendorId, usagePage or both/ }],
  [
    "a vendor's page without its vendor",
    { ...anyDevice, family: "idtech", usagePage: "ff00" },
    { field: "usagePage", text: /give vendorId too/ },
  ],
  [
    "a family that never comes so",
    { ...sound, shownAs: "hid" },
    { field: "shownAs", text: /ascii is never shown as hid; allowed: keyboard, serial/ },
  ],
  [
    "a usage page of a serial reader",
    { ...sound, shownAs: "serial", usagePage: "ff00" },
    { field: "usagePage", text: /only a HID reader has one, and this one is shown as serial/ },
  ],
  [
    "a usage page of a family of characters",
    { ...sound, usagePage: "ff00" },
    { field: "usagePage", text: /shown as keyboard or serial/ },
  ],
  [
    "the page of keyboards",
    { ...sound, family: "idtech", usagePage: "0001" },
    { field: "usagePage", text: /"shownAs": "keyboard"/ },
  ],
  [
    "a speed of a keyboard",
    { ...sound, shownAs: "keyboard", baudRate: 9600 },
    { field: "baudRate", text: /only a serial reader has one, and this one is shown as keyboard/ },
  ],
  [
    "a framing of no serial port",
    { ...sound, framing: "native" },
    { field: "framing", text: /only a serial reader has one/ },
  ],
  [
    "a quirk of another family",
    { ...sound, quirks: ["clear-lines"] },
    { field: "quirks", text: /clear-lines is of family idtech/ },
  ],
  ["a built-in one's name", { ...sound, name: "ID TECH" }, { field: "name", text: /taken \(built in\)/ }],
] satisfies [string, ReaderProfile, object][]) {
  t.test(`the linter tells of ${what}, once`, async (t) => {
    const problems = lintProfiles([{ ...sound, name: "another", vendorId: "2000" }, wrong]);
    t.equal(problems.length, 1);
    t.match(problems, [{ at: 1, ...problem }]);
  });
}

t.test("the linter tells of profiles that stand in each other's way", async (t) => {
  const other: ReaderProfile = { ...sound, name: "other" };
  t.match(lintProfiles([sound, { ...other, name: "till", vendorId: "2000" }]), [
    { at: 1, field: "name", text: /profiles\.0/ },
  ]);
  t.strictSame(lintProfiles([sound, other]), [
    { at: 1, text: "fits the same readers as profiles.0; leave one of them out" },
  ]);
  t.match(lintProfiles([sound, { ...other, shownAs: "serial" }]), [{ at: 1, text: /never taken, since profiles\.0/ }]);
  t.strictSame(lintProfiles([{ ...other, shownAs: "serial" }, sound]), [], "the narrower one is asked first");
  const { productId: _, ...wider } = other;
  t.strictSame(lintProfiles([wider, sound]), [], "a product goes before its vendor");
});

t.test("what the linter calls never taken is never taken, and all else is taken by some device", async () => {
  const id = (...ids: string[]) => fc.option(fc.constantFrom(...ids), { nil: undefined });
  const profile = fc
    .record({
      vendorId: id("0001", "0002"),
      productId: id("0003", "0004"),
      usagePage: id("0005", "008e"),
      shownAs: fc.option(fc.constantFrom("hid" as const, "keyboard" as const, "serial" as const), { nil: undefined }),
      family: fc.constantFrom("ascii" as const, "idtech" as const, "hid-msr" as const),
    })
    .map((ids) => JSON.parse(JSON.stringify({ name: "", quirks: [], ...ids })) as ReaderProfile);
  const numbers = (...ids: (number | undefined)[]) => ids;
  const devices = numbers(1, 2, 9).flatMap((vendorId = 0) =>
    numbers(3, 4, 9).flatMap((productId = 0) => [
      ...numbers(5, 0x8e, 9).map((usagePage = 0) => ({ vendorId, productId, usagePage, shownAs: "hid" as const })),
      { vendorId, productId, shownAs: "keyboard" as const },
      { vendorId, productId, shownAs: "serial" as const },
    ]),
  );
  fc.assert(
    fc.property(fc.array(profile, { minLength: 1, maxLength: 3 }), (drawn) => {
      const own = drawn.map((profile, n) => ({ ...profile, name: `own ${n}` }));
      const problems = lintProfiles(own);
      const taken = new Set(devices.map((device) => profileOf(device, own)?.name));
      const never = problems.filter(({ text }) => /never taken|same readers|never shown|only a HID/.test(text));
      if (never.some(({ at }) => taken.has(own[at]?.name))) return false;
      return problems.length > 0 || own.every(({ name }) => taken.has(name));
    }),
    { numRuns: 500 },
  );
});
