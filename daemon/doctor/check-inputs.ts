import { SwipewireError } from "@swipewire/protocol/failure";
import type { Clock } from "@swipewire/protocol/time";
import type { AudioReader } from "../config/config-schema.ts";
import { openCapture } from "../transports/audio-capture.ts";
import type { Finding } from "./finding.ts";

const subject = "sound input";

/** Begins to record from each sound input. Not while the daemon runs: it holds them. */
export const checkInputs = (inputs: readonly AudioReader[], clock: Clock): Promise<Finding[]> =>
  Promise.all(inputs.map((input) => checkInput(input, clock)));

async function checkInput(input: AudioReader, clock: Clock): Promise<Finding> {
  let rate = 0;
  try {
    const listener = {
      begins: (sampleRate: number) => {
        rate = sampleRate;
      },
      report: (samples: Uint8Array) => samples.fill(0),
      failed: () => {},
    };
    const capture = await openCapture(input, listener, { clock });
    await capture.close();
    return { subject, verdict: "good", says: `${input.name}: ${input.source} gives samples, ${rate} Hz` };
  } catch (error) {
    if (!(error instanceof SwipewireError)) throw error;
    return { subject, verdict: "bad", says: `${input.name}: ${error.message}`, todo: error.text.todo };
  }
}
