import * as protocolFailures from "@swipewire/protocol/errors";
import type { FailureText } from "@swipewire/protocol/failure";
import * as daemonFailures from "../errors.ts";

const texts: ReadonlyMap<string, FailureText> = new Map(
  [...Object.values(daemonFailures), ...Object.values(protocolFailures)].map(({ code, text }) => [code, text]),
);

/** What a code of the daemon's or of a reader means; undefined for another program's. */
export const textOf = (code: string): FailureText | undefined => texts.get(code);
