import { encodeRefusal as idtechRefusal, isWholeResponse } from "@swipewire/protocol/readers/idtech-commands/message";
import { getProperty } from "@swipewire/protocol/readers/magtek-commands/get-property";
import { encodeRefusal } from "@swipewire/protocol/readers/magtek-commands/message";
import { getSecurityLevel } from "@swipewire/protocol/readers/magtek-commands/security-level";
import { readerProfiles } from "@swipewire/protocol/readers/profiles";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import { questionOf, type ReaderQuestion } from "@swipewire/protocol/readers/reader-questions";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { type ReaderDevice, virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { hex } from "./frame-samples.ts";

const profileOf = (name: string) => {
  const profile = readerProfiles.find((profile) => profile.name === name);
  if (!profile) throw new Error(name);
  return profile;
};
const question = (name: string, face: "keyboard" | "serial"): ReaderQuestion => {
  const found = questionOf(profileOf(name), face);
  if (!found) throw new Error(`${name} is not asked`);
  return found;
};
const magtek = question("MagTek keyboard emulation", "keyboard");
const idtech = question("ID TECH serial over USB", "serial");

function interview({ begin }: ReaderQuestion, answer: (request: Uint8Array) => Uint8Array) {
  const asking = begin();
  let step = asking.next(new Uint8Array());
  while (!step.done) step = asking.next(answer(step.value));
  return step.value;
}

function virtual(family: FixedFamily, device: Partial<ReaderDevice>) {
  const ksn = hex("FFFF9876543210E00001");
  const all = { clock: new SimulatedClock(), random: seededRandom(1), ...device };
  const { commands } = virtualReader(family, { bdk: PUBLISHED_BDK, ksn, device: all });
  return (request: Uint8Array) => commands?.hear(request)?.reply ?? new Uint8Array();
}

t.test("a reader says which of its model's formats it sends", async (t) => {
  for (const [asked, answer, told] of [
    [magtek, virtual("magtek-keyboard", {}), { family: "magtek-keyboard", says: "security level 3" }],
    [magtek, virtual("magtek-keyboard", { magtekLevel: 4 }), { family: "magtek-keyboard", says: "security level 4" }],
    [
      magtek,
      virtual("magtek-keyboard", { magtekLevel: 2 }),
      { family: "ascii", says: "security level 2, SureSwipe text" },
    ],
    [
      magtek,
      virtual("magtek-keyboard", {
        magtekLevel: 2,
        magtekProperties: { "keyboard sureswipe flag": Uint8Array.of(0) },
      }),
      { family: "magtek-keyboard", says: "security level 2, MagneSafe text" },
    ],
    [magtek, virtual("magtek-sureswipe", {}), { family: "ascii", says: "no security level: SureSwipe" }],
    [idtech, virtual("idtech", {}), { family: "idtech", says: "security level: encrypted" }],
    [idtech, virtual("idtech", { idtechLevel: "clear" }), { family: "ascii", says: "security level: clear" }],
    [idtech, virtual("idtech", { idtechLevel: "keys used up" }), { family: "idtech" }],
  ] as const) {
    t.match(interview(asked, answer), told, told.family);
  }
});

t.test("an answer that tells nothing has its failure", async (t) => {
  const level = (value: number) => getSecurityLevel.encodeResponse({ level: value });
  const flag = (value: Uint8Array) => (request: Uint8Array) =>
    request[0] === 0x15 ? level(2) : getProperty.encodeResponse({ value });
  for (const [asked, answer, code] of [
    [magtek, () => hex(""), "reader_command_malformed"],
    [magtek, () => hex("0002FFFF"), "reader_command_malformed"],
    [magtek, () => encodeRefusal(1), "reader_command_refused"],
    [magtek, flag(hex("")), "reader_command_malformed"],
    [magtek, flag(hex("02")), "reader_command_malformed"],
    [magtek, flag(hex("0101")), "reader_command_malformed"],
    [magtek, (request: Uint8Array) => (request[0] === 0x15 ? level(2) : encodeRefusal(2)), "reader_command_refused"],
    [idtech, () => idtechRefusal(), "reader_command_refused"],
    [idtech, () => idtechRefusal(22), "reader_command_refused"],
    [idtech, () => hex("06027E01310300"), "reader_frame_lrc"],
    [idtech, () => hex("06027E0135034B"), "reader_command_malformed"],
    [idtech, () => hex("06024C0131037D"), "reader_command_malformed"],
    [idtech, () => hex("253432"), "reader_command_malformed"],
  ] as const) {
    t.throws(() => interview(asked, answer), { code });
  }
});

t.test("an answer that comes in pieces is known to be whole", async (t) => {
  const whole = hex("06027E0131034F");
  for (let length = 0; length < whole.length; length++) {
    t.notOk(isWholeResponse(whole.subarray(0, length)), `${length} bytes`);
  }
  t.ok(isWholeResponse(whole));
  t.ok(isWholeResponse(hex("15")));
  t.ok(isWholeResponse(hex("0625")), "what follows is no frame");
  t.ok(isWholeResponse(Uint8Array.of(6, 2, ...new Uint8Array(2000))), "longer than any frame");
});

t.test("only those are asked whose ids leave it open, on the face that they can be asked on", async (t) => {
  const asked = readerProfiles.flatMap((profile) =>
    (["hid", "keyboard", "serial"] as const).flatMap((face) =>
      questionOf(profile, face) ? [`${profile.name}: ${face}`] : [],
    ),
  );
  t.strictSame(asked, [
    "MagTek keyboard emulation: keyboard",
    "ID TECH serial over USB: serial",
    "ID TECH Spectrum III: serial",
    "ID TECH Spectrum III hybrid: serial",
    "ID TECH: serial",
  ]);
});
