import { decodePinBlockFormat0, encodePinBlockFormat0 } from "@swipewire/protocol/crypto/pin-block";
import fc from "fast-check";
import t from "tap";
import published from "../../fixtures/pin-blocks.json" with { type: "json" };
import unionpay from "../../fixtures/unionpay-8583.json" with { type: "json" };

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

const digits = (minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength, maxLength });

t.test("what goes in comes out, for every PIN of 4 to 12 digits and every PAN", async () => {
  fc.assert(
    fc.property(digits(4, 12), digits(8, 19), (pin, pan) => {
      const block = encodePinBlockFormat0(ascii(pin), ascii(pan));
      return decodePinBlockFormat0(block, ascii(pan)).use(text) === pin;
    }),
  );
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
