import { KEYBOARD_REPORT_LENGTH, KeyboardTyping, typeAsKeyboard } from "@swipewire/protocol/readers/keyboard-reports";
import fc from "fast-check";
import t from "tap";

const typed = (reports: readonly Uint8Array[]) => {
  const typing = new KeyboardTyping();
  return Buffer.concat(reports.map((report) => typing.take(report))).toString("latin1");
};
const report = (modifiers: number, ...keys: number[]) => {
  const bytes = new Uint8Array(KEYBOARD_REPORT_LENGTH);
  bytes[0] = modifiers;
  bytes.set(keys, 2);
  return bytes;
};

t.test("what is typed is read again, whatever a US keyboard has", async (t) => {
  const printable = Array.from({ length: 95 }, (_, at) => String.fromCharCode(0x20 + at)).join("");
  t.equal(typed(typeAsKeyboard(Buffer.from(`${printable}\r\t`))), `${printable}\r\t`);
  const text = fc.string({ unit: fc.constantFrom(...printable, "\r"), maxLength: 200 });
  fc.assert(
    fc.property(text, (text) => typed(typeAsKeyboard(Buffer.from(text))) === text),
    { seed: 3 },
  );
});

t.test("reads the keys of HID Usage Tables, section 10", async (t) => {
  t.equal(typed([report(0x02, 0x22), report(0), report(0x02, 0x05), report(0)]), "%B");
  t.equal(typed([report(0x20, 0x38), report(0, 0x28)]), "?\r", "either shift key");
  t.equal(typed([report(0, 0x33), report(0, 0x33, 0x1e), report(0, 0x1e, 0x1f), report(0)]), ";12", "rolled over");
  t.equal(typed([report(0, 0x1e), report(0), report(0, 0x1e)]), "11", "the same key twice");
});

t.test("takes nothing from what is no boot report, or too many keys at once", async (t) => {
  t.equal(typed([new Uint8Array(7), new Uint8Array(9), new Uint8Array()]), "");
  t.equal(typed([report(0, 1, 1, 1, 1, 1, 1), report(0, 0x1e)]), "1");
  t.equal(typed([report(0, 0x3a, 0xff, 0x65)]), "", "keys without a character");
  t.throws(() => typeAsKeyboard(Buffer.from([0xe9])), { code: "reader_frame_field" });
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (reports) => typed(reports).length >= 0);
  fc.assert(property, { seed: 4 });
});
