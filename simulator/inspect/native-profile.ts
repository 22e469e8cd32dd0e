import { ReaderFrameLength } from "@swipewire/protocol/errors";
import { SwipewireError } from "@swipewire/protocol/failure";
import { encodeNativeFrame, type NativeFrame, NativeStream } from "@swipewire/protocol/readers/native-frame";
import type { FrameCheck } from "@swipewire/protocol/readers/reader-frame";
import {
  FIRST_OF_HOST,
  type HostMessage,
  type ReaderMessage,
  readHostMessage,
  readReaderMessage,
} from "@swipewire/protocol/waveform/modem/modem-message";
import type { Inspection, InspectOptions, Profile } from "./inspection.ts";
import { readerProfile } from "./reader-profile.ts";

const NAME = "native";
const frameInside = readerProfile("auto");

/** One native frame, with its zeros or without: its message, and of a swipe the reader frame in it. */
export const nativeProfile: Profile = (capture, options) => {
  const stream = new NativeStream();
  const events = [...stream.push(capture), ...stream.push(Uint8Array.of(0))];
  const frames = events.flatMap(({ frame }) => (frame ? [frame] : []));
  try {
    const { failure } = events.find(({ failure }) => failure) ?? {};
    const [frame] = frames;
    if (failure) return broken(capture, [{ name: "frame", passed: false, detail: failure.code }], failure);
    if (!frame || frames.length > 1) {
      const tooMany = new ReaderFrameLength({ detail: `${frames.length} frames in ${capture.length} bytes` });
      return broken(capture, [{ name: "frame", passed: false, detail: `${frames.length} frames` }], tooMany);
    }
    return inspectFrame(capture, frame, options);
  } finally {
    for (const { payload } of frames) payload.wipe();
  }
};

function inspectFrame(capture: Uint8Array, frame: NativeFrame, options: InspectOptions): Inspection {
  const kind = frame.messageKind.toString(16).padStart(2, "0");
  const checks: FrameCheck[] = [{ name: "frame", passed: true, detail: `kind ${kind}, CRC-32` }];
  checks.push(spelling(capture, frame));
  let message: ReaderMessage | HostMessage | undefined;
  try {
    message = frame.messageKind < FIRST_OF_HOST ? readReaderMessage(frame) : readHostMessage(frame);
  } catch (failure) {
    if (!(failure instanceof SwipewireError)) throw failure;
    return broken(capture, [...checks, { name: "message", passed: false, detail: failure.code }], failure);
  }
  if (message?.type !== "reader-frame") {
    const { type, ...told } = message ?? { type: "none" };
    const fields = Object.fromEntries(Object.entries(told).map(([name, value]) => [name, String(value)]));
    return { profile: NAME, length: capture.length, fields: { message: type, ...fields }, checks, warnings: [] };
  }
  using swiped = message.frame;
  const inside = swiped.use((bytes) => frameInside(bytes, options));
  return {
    ...inside,
    profile: `${NAME}, ${inside.profile}`,
    length: capture.length,
    fields: { message: message.type, ...inside.fields },
    checks: [...checks, ...inside.checks],
  };
}

/** COBS has one way to write each content that a host would itself use; others are read too. */
function spelling(capture: Uint8Array, { messageKind, payload }: NativeFrame): FrameCheck {
  const own = payload.use((bytes) => encodeNativeFrame(messageKind, bytes));
  const begin = capture.findIndex((byte) => byte !== 0);
  const passed = own.subarray(1, -1).every((byte, n) => byte === capture[begin + n]);
  own.fill(0);
  return { name: "blocks", passed, detail: "as few as can be" };
}

const broken = (capture: Uint8Array, checks: readonly FrameCheck[], failure: SwipewireError): Inspection => ({
  profile: NAME,
  length: capture.length,
  fields: {},
  checks,
  warnings: [],
  failure,
});
