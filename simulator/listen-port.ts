import { InvalidArgumentError } from "commander";

/** A TCP port as given on a command line. @throws InvalidArgumentError */
export function listenPort(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) {
    throw new InvalidArgumentError("Allowed: 0 (any free one) to 65535.");
  }
  return number;
}
