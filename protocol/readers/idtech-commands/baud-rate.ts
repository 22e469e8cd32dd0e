import { malformed } from "./message.ts";
import type { Setting } from "./setting.ts";

/** 80096504-001: the function id of the speed of a serial line. */
export const BAUD_RATE_FUNCTION = 0x41;

/** By the ASCII digit that stands for each. */
const BAUD_RATES: Readonly<Record<number, number>> = {
  50: 1200,
  51: 2400,
  52: 4800,
  53: 9600,
  54: 19_200,
  55: 38_400,
  56: 57_600,
  57: 115_200,
};

/**
 * The setting that gives a serial reader a speed.
 * @param baudRate 1200, 2400, 4800, 9600, 19200, 38400, 57600 or 115200
 * @throws ReaderCommandMalformed for any other
 */
export function baudRateSetting(baudRate: number): Setting {
  const digit = Object.keys(BAUD_RATES).find((digit) => BAUD_RATES[Number(digit)] === baudRate);
  if (digit === undefined) throw malformed(`no setting for ${baudRate} baud`);
  return { functionId: BAUD_RATE_FUNCTION, data: Uint8Array.of(Number(digit)) };
}

/** The speed that a setting gives, in baud. @throws ReaderCommandMalformed when it is another setting */
export function baudRateOf({ functionId, data }: Setting): number {
  const [digit = 0] = data;
  const baudRate = BAUD_RATES[digit];
  if (functionId !== BAUD_RATE_FUNCTION || data.length !== 1 || baudRate === undefined) {
    throw malformed(`function ${functionId}, ${data.length} bytes`);
  }
  return baudRate;
}
