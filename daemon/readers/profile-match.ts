import { profileOf, type ReaderProfile } from "@swipewire/protocol/readers/profiles";
import type { PluggedDevice } from "./device-source.ts";

/** A device and the profile that fits it. */
export interface RecognisedReader {
  readonly device: PluggedDevice;
  readonly profile: ReaderProfile;
}

/** The profile that fits what the system shows of a device. */
export function profileFor(device: PluggedDevice, profiles: readonly ReaderProfile[]): ReaderProfile | undefined {
  return profileOf(
    device,
    profiles.filter(({ shownAs }) => shownAs === undefined || shownAs === device.shownAs),
  );
}

/** A product that is known goes before a vendor's word, and the standard's page before both. */
function scoreOf({ vendorId, productId }: ReaderProfile): number {
  if (vendorId === undefined) return 3;
  return productId === undefined ? 1 : 2;
}

/** A device may show several faces; it is one reader, by the face that fits best. */
export function recognise(
  devices: readonly PluggedDevice[],
  profiles: readonly ReaderProfile[],
): readonly RecognisedReader[] {
  const best = new Map<string, RecognisedReader>();
  for (const device of devices) {
    const profile = profileFor(device, profiles);
    const other = best.get(device.port);
    if (profile && (!other || scoreOf(profile) > scoreOf(other.profile))) best.set(device.port, { device, profile });
  }
  return [...best.values()];
}
