import type { FailureClass, SwipewireError } from "@swipewire/protocol/failure";
import {
  AudioDeviceBusy,
  AudioDeviceForbidden,
  AudioDeviceMissing,
  AudioFormatRefused,
  AudioProgramMissing,
  AudioServerUnreachable,
} from "../errors.ts";

const REASONS = [
  [/Unknown PCM|libasound_module_pcm_pulse/, AudioProgramMissing],
  [/Connection refused|Connection terminated/, AudioServerUnreachable],
  [/resource busy/, AudioDeviceBusy],
  [/Permission denied|Operation not permitted|Access denied/, AudioDeviceForbidden],
  [/No such (device|entity|file)|get card index/, AudioDeviceMissing],
  [/non available|rate is not accurate|Unable to install hw params/, AudioFormatRefused],
] as const;

/** What ALSA's and PulseAudio's own words mean. @param Other what they mean where nobody knows */
export function failureFrom(words: string, pcm: string, Other: FailureClass<string>): SwipewireError {
  const known = REASONS.find(([pattern]) => pattern.test(words));
  const Failure = known?.[1] ?? Other;
  return new Failure({ detail: pcm });
}
