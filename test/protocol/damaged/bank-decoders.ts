import { tdesKey } from "@swipewire/protocol/crypto/tdes";
import { wipeMessage } from "@swipewire/protocol/iso8583/codec";
import { FrameReader, frame } from "@swipewire/protocol/iso8583/framing";
import { posCodecs, posDialectNames } from "@swipewire/protocol/iso8583/pos-codecs";
import { readSlips, writeSlips } from "@swipewire/protocol/iso8583/unionpay-batch-upload";
import { readParameters, writeParameters } from "@swipewire/protocol/iso8583/unionpay-parameters";
import { NO_TOTALS, readTotals, writeTotals } from "@swipewire/protocol/iso8583/unionpay-settlement";
import { transactionRequest } from "@swipewire/protocol/iso8583/unionpay-transactions";
import { unwrapWorkingKeys, wrapWorkingKeys } from "@swipewire/protocol/iso8583/unionpay-working-keys";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";
import { anyMessageOf, dialects, wrapped } from "../iso8583/dialect-samples.ts";
import { ascii, hex } from "../readers/frame-samples.ts";
import type { DamagedDecoder } from "./damaged-decoder.ts";

const SEED = 8583;
const bytesOf = (sensitive: SensitiveBytes) => sensitive.use((bytes) => Uint8Array.from(bytes));
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

const messages = dialects.map((codec): DamagedDecoder => {
  const { dialect } = codec;
  const isRaw = dialect.bytes === "raw";
  const bitmap = isRaw ? 8 : 16;
  return {
    name: `message of ${dialect.name}`,
    of: ["iso8583/codec#compileDialect", "iso8583/unionpay-messages#unionPayCodec"],
    samples: fc
      .sample(anyMessageOf(dialect), { numRuns: 100, seed: SEED })
      .map((message) => codec.build(wrapped(dialect, message))),
    codes: /^iso8583_/,
    decode(wire) {
      const { message, failure } = codec.examine(wire);
      wipeMessage(message);
      if (
        failure &&
        !/\((TPDU|header|MTI|bitmap|field \d+)(, offset \d+)?\)$|from offset \d+\)$/.test(failure.message)
      ) {
        throw new Error(`a failure without its place: ${failure.message}`);
      }
      const parsed = codec.parse(wire);
      const again = latin1(codec.build(parsed));
      wipeMessage(parsed);
      // A second bitmap without a bit is not written again, and hexadecimal in lower case is read too.
      if (dialect.bitmaps === 2 && again.length === wire.length - bitmap) return;
      const came = latin1(wire);
      if (isRaw ? again !== came : again.toLowerCase() !== came.toLowerCase()) {
        throw new Error("what was parsed builds to something else");
      }
      codec.macCovered(wire);
    },
  };
});

const purchase = () =>
  transactionRequest(
    { tpdu: "6000000000", header: "603100311003", terminal: "11115007", merchant: "123456789111115" },
    "purchase",
    {
      ...{ trace: 78, batch: 726, currency: "CNY", pin: true, amount: 128_00, pinBlock: hex("3D87C8B8FA17C67C") },
      track2: SensitiveBytes.copyOf(ascii(";6224242300000069=2912220?")),
    },
  );
const mac = () => ascii("28C7AFB5");

const posMessages = posDialectNames.map(
  (name): DamagedDecoder => ({
    name: `POS message of ${name}`,
    of: ["iso8583/pos-codecs#posCodecs", "iso8583/pos-translator#compilePosDialect"],
    samples: [posCodecs[name].build(purchase(), mac)],
    codes: /^iso8583_/,
    decode: (wire) => wipeMessage(posCodecs[name].parse(wire)),
  }),
);

const masterKey = tdesKey(hex("CE31B0C2D38034706861B0AE86CE91D0"));
const [single, double] = [hex("4567C298FB0B045D"), hex("4567C298FB0B045DAB54BF499E10EFCD")];
const layout = {
  networkCode: "360",
  parameters: [
    { tag: "12", name: "timeout", length: 2 },
    { tag: "13", name: "retries", length: 1 },
    { tag: "22", name: "merchant", length: 8 },
  ],
};

export const bankDecoders: readonly DamagedDecoder[] = [
  ...messages,
  ...posMessages,
  {
    name: "messages framed on TCP",
    of: ["iso8583/framing#FrameReader"],
    samples: [Uint8Array.of(...frame(ascii("0800")), ...frame(new Uint8Array(300)))],
    codes: /^iso8583_frame_length$/,
    decode(bytes) {
      const reader = new FrameReader();
      const cut = bytes.length >> 1;
      const read = [...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))];
      if (read.reduce((sum, { length }) => sum + length + 2, 0) > bytes.length) {
        throw new Error("more came out than went in");
      }
    },
  },
  {
    // Each takes several decryptions: a tenth of the inputs.
    name: "working keys of a sign-on",
    of: ["unwrapWorkingKeys", "takeWorkingKeys"].map((name) => `iso8583/unionpay-working-keys#${name}`),
    samples: [
      wrapWorkingKeys(masterKey, { pin: single, mac: single }, "single"),
      wrapWorkingKeys(masterKey, { pin: double, mac: double }),
      wrapWorkingKeys(masterKey, { pin: double, mac: single, track: double }, "double-and-track"),
    ],
    share: 0.1,
    codes: /^working_keys_refused$/,
    decode: (field62) => unwrapWorkingKeys(masterKey, field62),
  },
  {
    name: "downloaded parameters",
    of: ["iso8583/unionpay-parameters#readParameters"],
    samples: [writeParameters(layout, { timeout: ascii("60"), retries: ascii("3"), merchant: new Uint8Array(8) })],
    codes: /^parameters_malformed$/,
    decode: (field62) => readParameters(layout, field62),
  },
  {
    name: "totals of a settlement",
    of: ["iso8583/unionpay-settlement#readTotals"],
    samples: [
      bytesOf(
        writeTotals({
          domestic: { ...NO_TOTALS, debitAmount: 12_800, debitCount: 1 },
          foreign: NO_TOTALS,
          domesticResult: "balanced",
          foreignResult: "not compared",
        }),
      ),
    ],
    codes: /^settlement_totals_invalid$/,
    decode: (field48) => readTotals(SensitiveBytes.copyOf(field48)),
  },
  {
    name: "slips of a batch upload",
    of: ["iso8583/unionpay-batch-upload#readSlips"],
    samples: [
      bytesOf(
        writeSlips([
          { trace: 41, amount: 128_00, foreign: false, cardNumber: SensitiveBytes.copyOf(ascii("6224242300000069")) },
          { trace: 42, amount: 1_00, foreign: true },
        ]),
      ),
    ],
    codes: /^batch_upload_invalid$/,
    decode(field48) {
      const slips = readSlips(SensitiveBytes.copyOf(field48));
      if (latin1(bytesOf(writeSlips(slips))) !== latin1(field48)) throw new Error("read as something else");
    },
  },
];
