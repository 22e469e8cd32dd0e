import { SwipewireError } from "@swipewire/protocol/failure";
import { readerFamilies, readerFamilyNames } from "@swipewire/protocol/readers/families";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import { swipeFromFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import fc from "fast-check";
import t from "tap";
import { fuzzRuns } from "../../fuzz-runs.ts";
import { ascii, damaged, hex, idtech, magtek } from "./frame-samples.ts";

// The stacks of the failures would take most of the time.
Error.stackTraceLimit = 0;

const level2 = hex(magtek.hid_level2_clear.report);
const sureswipe = readerFamilies["magtek-sureswipe"].encode({
  ...readerFamilies["magtek-magnesafe"].decode(level2),
  family: "magtek-sureswipe",
});
const frames: Record<FixedFamily, Uint8Array[]> = {
  "magtek-sureswipe": [sureswipe],
  "magtek-magnesafe": [level2, hex(magtek.hid_level3_encrypted.report)],
  "magtek-keyboard": [ascii(magtek.kb_level2.text)],
  idtech: [hex(idtech.original_format.hex)],
  "idtech-keyboard": [ascii(idtech.secured_keyboard_mode.text)],
  ascii: [ascii(magtek.kb_level2_sureswipe.text)],
};

/** A frame with right LRC and checksum reaches the checks behind them. */
function repaired(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 2 || bytes.length < 6) return bytes;
  const payload = bytes.subarray(3, -3);
  bytes.set([payload.length & 0xff, payload.length >> 8], 1);
  bytes.set([payload.reduce((a, b) => a ^ b, 0), payload.reduce((a, b) => a + b, 0) & 0xff, 3], bytes.length - 3);
  return bytes;
}

for (const family of readerFamilyNames) {
  t.test(`${family}: of many damaged frames each is a frame or a typed failure, and none is shown`, async (t) => {
    const codec = readerFamilies[family];
    let decoded = 0;
    fc.assert(
      fc.property(damaged(...frames[family]), fc.boolean(), (bytes, repair) => {
        try {
          swipeFromFrame(codec.decode(repair ? repaired(bytes) : bytes));
          decoded++;
        } catch (failure) {
          if (!(failure instanceof SwipewireError)) throw failure;
          if (/\d{6}/.test(failure.message)) throw new Error("a failure shows digits");
        }
      }),
      { seed: 10, numRuns: fuzzRuns },
    );
    t.ok(decoded > 0, `${decoded} of ${fuzzRuns} were still frames`);
  });
}
