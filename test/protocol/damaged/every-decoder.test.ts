import { globSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { bankDecoders } from "./bank-decoders.ts";
import { cardDecoders } from "./card-decoders.ts";
import { commandDecoders } from "./command-decoders.ts";
import { keyDecoders } from "./key-decoders.ts";
import { messageDecoders } from "./message-decoders.ts";
import { readerDecoders } from "./reader-decoders.ts";

const PROTOCOL = join(import.meta.dirname, "../../../protocol");
const damaged = new Set(
  [...cardDecoders, ...readerDecoders, ...commandDecoders, ...keyDecoders, ...messageDecoders, ...bankDecoders].flatMap(
    ({ of }) => of,
  ),
);

/** Exports that read, and get damaged inputs only through others. */
const through: Readonly<Record<string, string>> = {
  "readers/idtech#idtech": "readers/families#readerFamilies",
  "readers/idtech#takePayloadApart": "readers/families#readerFamilies",
  "readers/idtech-keyboard#idtechKeyboard": "readers/families#readerFamilies",
  "readers/ascii-lines#asciiLines": "readers/families#readerFamilies",
  "readers/magtek-keyboard#magtekKeyboard": "readers/families#readerFamilies",
  "readers/magtek-magnesafe#magtekMagnesafe": "readers/families#readerFamilies",
  "readers/magtek-sureswipe#magtekSureswipe": "readers/families#readerFamilies",
  "readers/magtek-report#readHeader": "readers/families#readerFamilies",
  "readers/hex-text#readHex": "readers/families#readerFamilies",
  "readers/card-encoding#maskFrameTrack": "card/masking#maskTrack",
  "readers/magtek-commands/message#decodeMessage": "readers/magtek-commands/reset#reset",
  "readers/magtek-commands/message#nothing": "readers/magtek-commands/reset#reset",
  "readers/idtech-commands/message#decodeFrame": "readers/idtech-commands/reset#reset",
  "readers/idtech-commands/message#nothing": "readers/idtech-commands/reset#reset",
  "readers/idtech-commands/setting#setting": "readers/idtech-commands/set#set",
  "crypto/pin-block#decodePinField": "crypto/pin-block#decodePinBlockFormat0",
  "iso8583/unionpay-working-keys#takeWorkingKeys": "iso8583/unionpay-working-keys#unwrapWorkingKeys",
};

/** What else is in `waveform` are stages of its decoders. */
const isStage = (key: string) => key.startsWith("waveform/") && !/(-decoder|modem-message)#/.test(key);

const READS = /^(parse|decode|decrypt|read|unwrap|open|take|verify|detect)[A-Z]/;
const METHODS = ["decode", "examine", "decodeRequest", "decodeResponse", "parse", "push", "take"];

/** Does an export read what came from elsewhere: by its name, or by its methods? */
function reads(name: string, value: unknown): boolean {
  if (typeof value === "function" && READS.test(name)) return true;
  const methods: unknown = typeof value === "function" ? value.prototype : value;
  return typeof methods === "object" && methods !== null && METHODS.some((method) => method in methods);
}

t.test("every export of protocol that reads is among those that get damaged inputs", async (t) => {
  const found = new Set<string>();
  for (const path of globSync("**/*.ts", { cwd: PROTOCOL, exclude: ["dist/**", "node_modules/**"] })) {
    const file = path.replace(/\.ts$/, "");
    const exports: Record<string, unknown> = await import(join(PROTOCOL, path));
    for (const [name, value] of Object.entries(exports)) {
      const key = `${file}#${name}`;
      found.add(key);
      if (!Array.isArray(value) && !isStage(key) && reads(name, value)) {
        t.ok(damaged.has(through[key] ?? key), `${key} has a decoder in test/protocol/damaged`);
      }
    }
  }
  const unknown = [...damaged, ...Object.keys(through)].filter((key) => !found.has(key));
  t.strictSame(unknown, [], "the lists name nothing that is gone");
});
