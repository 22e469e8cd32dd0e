import {
  decodePinBlockFormat0,
  decodePinBlockFormat1,
  decodePinBlockFormat2,
  decodePinBlockFormat3,
  encodePinBlockFormat0,
  encodePinBlockFormat1,
  encodePinBlockFormat2,
  encodePinBlockFormat3,
} from "@swipewire/protocol/crypto/pin-block";
import {
  decryptPinBlockFormat4,
  encodePanFieldFormat4,
  encodePinFieldFormat4,
  encryptPinBlockFormat4,
} from "@swipewire/protocol/crypto/pin-block-format4";
import fc from "fast-check";
import t from "tap";
import published from "../../fixtures/pin-blocks.json" with { type: "json" };
import unionpay from "../../fixtures/unionpay-8583.json" with { type: "json" };
import { seededRandom } from "../../seeded-random.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const ascii = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

t.test("makes and opens the published blocks of format 0", async (t) => {
  const rows = [
    ...published.vectors.flatMap(({ format, pin, pan, block }) =>
      format === 0 && pin && pan && block ? [{ pin, pan, block }] : [],
    ),
    ...unionpay.pin_blocks.map(({ pin, pan, clearBlock }) => ({ pin, pan, block: clearBlock })),
  ];
  t.equal(rows.length, 2);
  for (const { pin, pan, block } of rows) {
    t.equal(hex(encodePinBlockFormat0(ascii(pin), ascii(pan))), block);
    t.equal(decodePinBlockFormat0(bytes(block), ascii(pan)).use(text), pin);
  }
});

/** Gives what a published block was filled with. */
const randomOf = (hex: string) => ({ bytes: (length: number) => bytes(hex.padEnd(length * 2, "0")) });

t.test("makes and opens the published blocks of formats 1 to 3", async (t) => {
  const made: number[] = [];
  for (const { format, pin = "", pan = "", block, blockPrefix, nonceFill } of published.vectors) {
    if (format === 1 && block && nonceFill) {
      t.equal(hex(encodePinBlockFormat1(ascii(pin), randomOf(nonceFill))), block);
      t.equal(decodePinBlockFormat1(bytes(block)).use(text), pin);
    } else if (format === 2 && block) {
      t.equal(hex(encodePinBlockFormat2(ascii(pin))), block);
      t.equal(decodePinBlockFormat2(bytes(block)).use(text), pin);
    } else if (format === 3 && blockPrefix) {
      const encoded = encodePinBlockFormat3(ascii(pin), ascii(pan), seededRandom(3));
      t.equal(hex(encoded).slice(0, blockPrefix.length), blockPrefix);
      t.equal(decodePinBlockFormat3(encoded, ascii(pan)).use(text), pin);
    } else continue;
    made.push(format);
  }
  t.same(made, [1, 2, 3]);
});

t.test("makes and opens the published blocks of format 4", async (t) => {
  let rows = 0;
  for (const { format, pin, pan = "", pinField, pinFieldPrefix, panField, key, encrypted } of published.vectors) {
    if (format !== 4) continue;
    rows++;
    t.equal(hex(encodePanFieldFormat4(ascii(pan))), panField);
    const prefix = pinField ?? pinFieldPrefix;
    if (!pin || !prefix) continue;
    const random = randomOf(prefix.slice(16));
    t.equal(hex(encodePinFieldFormat4(ascii(pin), random)).slice(0, prefix.length), prefix);
    if (!key || !encrypted) continue;
    t.equal(hex(encryptPinBlockFormat4(bytes(key), ascii(pin), ascii(pan), random)), encrypted);
    t.equal(decryptPinBlockFormat4(bytes(key), bytes(encrypted), ascii(pan)).use(text), pin);
  }
  t.equal(rows, 3);
});

const digits = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength, maxLength });

t.test("what goes in comes out, for every PIN of 4 to 12 digits and every PAN", async () => {
  fc.assert(
    fc.property(digits(4, 12), digits(8, 19), fc.integer(), fc.constantFrom(16, 24, 32), (pin, pan, seed, length) => {
      const random = seededRandom(seed);
      const key = random.bytes(length);
      const [p, n] = [ascii(pin), ascii(pan)];
      const opened = [
        decodePinBlockFormat0(encodePinBlockFormat0(p, n), n),
        decodePinBlockFormat1(encodePinBlockFormat1(p, random)),
        decodePinBlockFormat2(encodePinBlockFormat2(p)),
        decodePinBlockFormat3(encodePinBlockFormat3(p, n, random), n),
        decryptPinBlockFormat4(key, encryptPinBlockFormat4(key, p, n, random), n),
      ];
      return opened.every((field) => field.use(text) === pin);
    }),
  );
});

t.test("formats 1, 3 and 4 hide that a PIN is the same", async (t) => {
  const random = seededRandom(1);
  const [pin, pan, key] = [ascii("1234"), ascii("4012345678909"), random.bytes(16)];
  for (const encode of [
    () => encodePinBlockFormat1(pin, random),
    () => encodePinBlockFormat3(pin, pan, random),
    () => encryptPinBlockFormat4(key, pin, pan, random),
  ]) {
    t.equal(new Set(Array.from({ length: 50 }, () => hex(encode()))).size, 50);
  }
});

t.test("refuses what is no PIN, no PAN or no block", async (t) => {
  const pan = ascii("4012345678909");
  for (const pin of ["", "123", "1234567890123", "12a4", "12 4"]) {
    t.throws(() => encodePinBlockFormat0(ascii(pin), pan), { code: "pin_block_pin" });
  }
  for (const other of ["", "1234567", "12345678901234567890", "401234567890="]) {
    t.throws(() => encodePinBlockFormat0(ascii("1234"), ascii(other)), { code: "pin_block_pan" });
  }
  const malformed = {
    "seven bytes": "041274EDCBA987",
    "format 1": "141274EDCBA9876F",
    "a length of 3": "031274EDCBA9876F",
    "a length of 13": "0D1274EDCBA9876F",
    "a PIN digit above 9": "04F274EDCBA9876F",
    "fill that is not F": "041274EDCBA98760",
  };
  for (const [what, block] of Object.entries(malformed)) {
    t.throws(() => decodePinBlockFormat0(bytes(block), pan), { code: "pin_block_malformed" }, what);
  }
});

t.test("each format refuses the others, and fill that is not its own", async (t) => {
  const pan = ascii("4012345678909");
  const bad = { code: "pin_block_malformed" };
  const zeroPan = ascii("0000000000000");
  for (const [format, decode] of [
    [0, (block: Uint8Array) => decodePinBlockFormat0(block, zeroPan)],
    [1, decodePinBlockFormat1],
    [2, decodePinBlockFormat2],
    [3, (block: Uint8Array) => decodePinBlockFormat3(block, zeroPan)],
  ] as const) {
    const whole = bytes(`${format}41234FFFFFFFFFF`);
    t.equal(decode(whole).use(text), "1234", `format ${format}`);
    for (const other of [0, 1, 2, 3, 4, 0xf].filter((other) => other !== format)) {
      t.throws(() => decode(bytes(`${other.toString(16)}41234FFFFFFFFFF`)), bad, `${other} as ${format}`);
    }
    for (const length of [0, 7, 9, 16]) t.throws(() => decode(new Uint8Array(length)), bad);
    for (const control of ["3", "D"]) t.throws(() => decode(bytes(`${format}${control}1234FFFFFFFFFF`)), bad);
    if (format !== 1) t.throws(() => decode(bytes(`${format}41234FFFFFFFFF9`)), bad, `fill of ${format}`);
  }
  const key = new Uint8Array(16);
  t.throws(() => decryptPinBlockFormat4(key, new Uint8Array(8), pan), bad);
  t.throws(() => decryptPinBlockFormat4(new Uint8Array(15), new Uint8Array(16), pan), { code: "key_length" });
  t.throws(() => encryptPinBlockFormat4(key, ascii("123"), pan, seededRandom(1)), { code: "pin_block_pin" });
  t.throws(() => encryptPinBlockFormat4(key, ascii("1234"), ascii("1234567"), seededRandom(1)), {
    code: "pin_block_pan",
  });
  const block = encryptPinBlockFormat4(key, ascii("1234"), pan, seededRandom(1));
  t.throws(() => decryptPinBlockFormat4(key, block, ascii("4012345678917")), bad, "another card");
  t.throws(() => decryptPinBlockFormat4(new Uint8Array(32), block, pan), bad, "another key");
});
