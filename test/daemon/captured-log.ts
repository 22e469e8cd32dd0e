import { type Logger, pino } from "pino";

/** A logger at its most talkative, and all that it wrote. */
export function capturedLog(): { logger: Logger; text(): string; lines(): Record<string, unknown>[] } {
  const chunks: string[] = [];
  const logger = pino({ level: "trace" }, { write: (line: string) => chunks.push(line) });
  return {
    logger,
    text: () => chunks.join(""),
    lines: () => chunks.map((line) => JSON.parse(line)),
  };
}
