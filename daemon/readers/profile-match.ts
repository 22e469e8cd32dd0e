import type { Recognition } from "@swipewire/protocol/messages/terminal-status";
import { profileOf, type ReaderProfile, rankOf, readerProfiles } from "@swipewire/protocol/readers/profiles";
import type { PluggedDevice } from "./device-source.ts";

/** A device and the profile that fits it. */
export interface RecognisedReader {
  readonly device: PluggedDevice;
  readonly profile: ReaderProfile;
}

/** By which of its ids a profile fits a device. */
export function matchedBy({ vendorId, productId }: ReaderProfile): Recognition["by"] {
  if (vendorId === undefined) return "usage page";
  return productId === undefined ? "vendor id" : "product id";
}

/** The operator's profiles and the built-in ones. */
export const withBuiltIn = (own: readonly ReaderProfile[]): readonly ReaderProfile[] => [...own, ...readerProfiles];

/** A device may show several faces; it is one reader, by the face that fits best. */
export function recognise(
  devices: readonly PluggedDevice[],
  profiles: readonly ReaderProfile[],
): readonly RecognisedReader[] {
  const best = new Map<string, RecognisedReader>();
  for (const device of devices) {
    const profile = profileOf(device, profiles);
    const other = best.get(device.port);
    if (profile && (!other || rankOf(profile) > rankOf(other.profile))) best.set(device.port, { device, profile });
  }
  return [...best.values()];
}
