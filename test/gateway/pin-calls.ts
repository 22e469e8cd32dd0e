import { startPinConversation } from "@swipewire/gateway/payments/pin-conversation";
import type { VoiceChannel } from "@swipewire/gateway/voice/voice-channel";
import { type Clock, systemClock } from "@swipewire/protocol/time";
import PQueue from "p-queue";

/** Phones `phone` for its PIN; in a test the PIN block is the PIN. @returns the PIN, or the code of the failure */
export async function askPin(voice: VoiceChannel, phone: string, clock: Clock = systemClock): Promise<string> {
  const { pinBlock } = startPinConversation({
    voice,
    clock,
    phone,
    encrypt: (pin) => pin.use((digits) => Uint8Array.from(digits)),
    signal: new AbortController().signal,
  });
  return pinBlock.then(
    (block) => Buffer.from(block).toString(),
    (failure) => failure.code ?? String(failure),
  );
}

/** Digits from 1 to 9 in ascending order: what sipp can type, whose captures are pieces of one RTP stream. */
export const ASCENDING_PINS = Array.from({ length: 10_000 }, (_, pin) => String(pin).padStart(4, "0")).filter(
  (pin) => /^[1-9]{4}$/.test(pin) && [...pin].every((digit, at) => at === 0 || digit > (pin[at - 1] ?? "")),
);

/**
 * Calls as many payers, each with a PIN of their own, and tells what came of each: the PIN asked for and the answer.
 * @param prepare has the owner of the number type this PIN, where the number alone does not
 */
export function callPayers(
  voice: VoiceChannel,
  calls: number,
  atOnce: number,
  prepare: (number: string, pin: string) => void = () => {},
): Promise<(readonly [string, string])[]> {
  const queue = new PQueue({ concurrency: atOnce });
  return queue.addAll(
    Array.from({ length: calls }, (_, at) => async () => {
      const pin = ASCENDING_PINS[at % ASCENDING_PINS.length] ?? "";
      const number = `+8613${String(at).padStart(4, "0")}${pin}`;
      prepare(number, pin);
      return [pin, await askPin(voice, number)] as const;
    }),
  );
}
