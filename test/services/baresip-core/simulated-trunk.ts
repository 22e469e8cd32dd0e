import { systemRandom } from "@swipewire/protocol/random";
import { type Clock, systemClock } from "@swipewire/protocol/time";
import { type Phones, startPhones } from "@swipewire/simulator/phone/phones";
import type { RoughLine } from "@swipewire/simulator/phone/rtp-keys";
import { startSipTrunk } from "@swipewire/simulator/phone/sip-trunk";
import { pino } from "pino";
import type { Test } from "tap";

export interface SimulatedTrunk {
  readonly port: number;
  readonly phones: Phones;
}

/**
 * The simulator's phones behind a SIP trunk; they end with the test.
 * @param payers the clock by which payers do things; packets always take their time
 */
export async function startTrunk(
  t: Test,
  { payers = systemClock, line }: { readonly payers?: Clock; readonly line?: (number: string) => RoughLine } = {},
): Promise<SimulatedTrunk> {
  const phones = await startPhones({ host: "127.0.0.1", port: 0, clock: payers, logger: pino({ enabled: false }) });
  t.teardown(() => phones.close());
  const trunk = await startSipTrunk({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    random: systemRandom,
    phone: (number) => phones.phone(number),
    ...(line ? { line } : {}),
  });
  t.teardown(() => trunk.close());
  return { port: trunk.port, phones };
}
