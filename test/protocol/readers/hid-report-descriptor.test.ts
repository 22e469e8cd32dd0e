import {
  findUsage,
  parseReportDescriptor,
  readBits,
  reportLength,
  writeBits,
} from "@swipewire/protocol/readers/hid-report-descriptor";
import fc from "fast-check";
import t from "tap";

const parse = (...bytes: number[]) => parseReportDescriptor(Uint8Array.from(bytes));

/** HID 1.11 appendix E.10: the three-button mouse. */
const MOUSE = [
  0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00, 0x05, 0x09, 0x19, 0x01, 0x29, 0x03, 0x15, 0x00, 0x25,
  0x01, 0x95, 0x03, 0x75, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x05, 0x81, 0x01, 0x05, 0x01, 0x09, 0x30, 0x09, 0x31,
  0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x02, 0x81, 0x06, 0xc0, 0xc0,
];

t.test("the standard's own mouse is taken apart", async (t) => {
  const mouse = parse(...MOUSE);
  t.notOk(mouse.usesReportIds);
  t.equal(reportLength(mouse, "input", 0), 3);
  t.equal(reportLength(mouse, "feature", 0), 0);
  t.match(findUsage(mouse, "input", 0x9_0002), { bitOffset: 1, count: 1, field: { size: 1 } });
  t.match(findUsage(mouse, "input", 0x1_0031), { bitOffset: 16, count: 1, field: { size: 8 } });
  t.strictSame(mouse.fields[0]?.collections, [0x1_0002, 0x1_0001]);
  t.equal(mouse.fields[1]?.constant, true);
  t.equal(findUsage(mouse, "input", 0x9_0004), undefined);
});

t.test("the last usage goes on for all elements that follow", async (t) => {
  const parsed = parse(0x05, 0x8e, 0x75, 8, 0x95, 5, 0x09, 0x11, 0x09, 0x21, 0x81, 2);
  t.match(findUsage(parsed, "input", 0x8e_0011), { bitOffset: 0, count: 1 });
  t.match(findUsage(parsed, "input", 0x8e_0021), { bitOffset: 8, count: 4 });
});

t.test("a short usage takes the page that holds when its main item comes, a long one keeps its own", async (t) => {
  const late = parse(0x05, 1, 0x09, 0x21, 0x0b, 0x22, 0, 0x09, 0, 0x05, 0x8e, 0x75, 8, 0x95, 2, 0x81, 2);
  t.ok(findUsage(late, "input", 0x8e_0021));
  t.ok(findUsage(late, "input", 0x9_0022));
});

t.test("push and pop keep the globals, and each report id counts its own bits", async (t) => {
  const parsed = parse(
    ...[0x05, 0x8e, 0x75, 8, 0x95, 1, 0x85, 1, 0x09, 0x11, 0x81, 2],
    ...[0xa4, 0x85, 2, 0x75, 3, 0x09, 0x12, 0x81, 2, 0xb4],
    ...[0x09, 0x13, 0x81, 2],
  );
  t.match(findUsage(parsed, "input", 0x8e_0012), { bitOffset: 0, field: { reportId: 2, size: 3 } });
  t.match(findUsage(parsed, "input", 0x8e_0013), { bitOffset: 8, field: { reportId: 1, size: 8 } });
  t.equal(reportLength(parsed, "input", 1), 3);
  t.equal(reportLength(parsed, "input", 2), 2);
});

t.test("of alternative usages the first is the preferred one, and long items are read over", async (t) => {
  const parsed = parse(
    ...[0xfe, 3, 0xf0, 0xc0, 0xc0, 0xc0],
    ...[0x05, 0x8e, 0x75, 8, 0x95, 1, 0xa9, 1, 0x09, 0x11, 0x09, 0x12, 0xa9, 0, 0x81, 2],
  );
  t.ok(findUsage(parsed, "input", 0x8e_0011));
  t.notOk(findUsage(parsed, "input", 0x8e_0012));
});

t.test("what is no variable data is not found", async (t) => {
  const array = parse(0x05, 0x8e, 0x75, 8, 0x95, 1, 0x09, 0x21, 0x81, 0);
  t.equal(findUsage(array, "input", 0x8e_0021), undefined);
  t.equal(array.fields[0]?.variable, false);
  t.equal(parse(0x75, 8, 0x81, 2).fields.length, 0, "no elements, no field");
});

t.test("each broken rule has its failure", async (t) => {
  const bad: [string, number[], string][] = [
    ["cut in its data", [0x05], "reader_descriptor_truncated"],
    ["cut in a long item", [0xfe, 4, 0, 1], "reader_descriptor_truncated"],
    ["cut in a long item's head", [0xfe], "reader_descriptor_truncated"],
    ["collection left open", [0xa1, 1], "reader_descriptor_invalid"],
    ["end without collection", [0xc0], "reader_descriptor_invalid"],
    ["pop without push", [0xb4], "reader_descriptor_invalid"],
    ["report id 0", [0x85, 0], "reader_descriptor_invalid"],
    ["report id 256", [0x86, 0, 1], "reader_descriptor_invalid"],
    ["some reports without id", [0x75, 8, 0x95, 1, 0x81, 2, 0x85, 1, 0x81, 2], "reader_descriptor_invalid"],
    ["page of more than 16 bits", [0x07, 0, 0, 1, 0], "reader_descriptor_invalid"],
    ["range that runs backwards", [0x19, 3, 0x29, 1], "reader_descriptor_invalid"],
    ["delimiter that was not opened", [0xa9, 0], "reader_descriptor_invalid"],
    ["delimiter within a delimiter", [0xa9, 1, 0xa9, 1], "reader_descriptor_invalid"],
    ["elements too large", [0x76, 1, 1, 0x95, 1, 0x81, 2], "reader_descriptor_too_large"],
    ["report too long", [0x75, 8, 0x97, 0, 0, 1, 0, 0x81, 2], "reader_descriptor_too_large"],
    ["report too long in parts", [0x75, 255, 0x95, 128, 0x81, 2, 0x81, 2], "reader_descriptor_too_large"],
    ["collections too deep", Array<number[]>(33).fill([0xa1, 0]).flat(), "reader_descriptor_too_large"],
    ["push too deep", Array<number>(33).fill(0xa4), "reader_descriptor_too_large"],
    ["more than 4096 bytes", Array<number>(4097).fill(0x04), "reader_descriptor_too_large"],
  ];
  for (const [name, bytes, code] of bad) t.throws(() => parse(...bytes), { code }, name);
});

t.test("bits come back as they were written, and nothing beside them is touched", async (t) => {
  const place = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 32 }), fc.nat(0xffff_ffff));
  fc.assert(
    fc.property(place, fc.constantFrom(0, 0xff), ([offset, size, any], background) => {
      const value = any % 2 ** size;
      const report = new Uint8Array(10).fill(background);
      writeBits(report, offset, size, value);
      t.equal(readBits(report, offset, size), value);
      writeBits(report, offset, size, background === 0 ? 0 : 2 ** size - 1);
      t.ok(report.every((byte) => byte === background));
    }),
    { seed: 41, numRuns: 200 },
  );
});
