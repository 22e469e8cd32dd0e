import type { ReaderStatus, TerminalStatus } from "@swipewire/protocol/messages/terminal-status";
import { clockOffsetText } from "../uplink/clock-offset.ts";
import { textOf } from "./code-text.ts";

/** The status as a person reads it, line by line. */
export function statusText(status: TerminalStatus): string {
  const { terminal, version, startedAt, step, uplink, readers, dropped } = status;
  const uplinkProblem = uplink.problem ? ` (${uplink.problem})` : "";
  const lines = [
    `terminal  ${terminal}, version ${version}, since ${startedAt}`,
    `session   ${step}`,
    `broker    ${uplink.broker ? "connected" : `not connected${uplinkProblem}`}`,
    `gateway   ${uplink.gateway ? "within reach" : "out of reach"}`,
    ...(uplink.clockOffset === undefined ? [] : [`clock     ${clockOffsetText(uplink.clockOffset)}`]),
    `readers   ${readers.length === 0 ? "none found" : ""}`.trimEnd(),
    ...readers.flatMap(readerLines),
  ];
  const counts = [...Object.entries(dropped.frames), ...Object.entries(dropped.messages)];
  if (counts.length > 0) lines.push("dropped", ...counts.map(([code, count]) => `  ${code}: ${count}`));
  return lines.join("\n");
}

function readerLines(reader: ReaderStatus): string[] {
  const { name, family, port, connected, since, lastDisconnect, problem } = reader;
  const place = port !== undefined && !name.endsWith(port) ? `, port ${port}` : "";
  const text = problem === undefined ? undefined : textOf(problem);
  const state = connected ? `connected since ${since}` : (problem ?? "not connected");
  const advice = !connected && text ? [`    ${text.what} ${text.todo}`] : [];
  const last = lastDisconnect ? [`    last went at ${lastDisconnect.at}: ${lastDisconnect.reason}`] : [];
  return [`  ${name} (${family}${place})`, `    ${state}`, ...advice, ...recognitionLine(reader), ...last];
}

const ASKED = {
  answered: "and its answer",
  silent: "and it did not answer which format it sends",
  unclear: "and its answer did not tell which format it sends",
} as const;

function recognitionLine({ profile, recognised }: ReaderStatus): string[] {
  if (profile === undefined || !recognised) return [];
  const { by, asked, says } = recognised;
  const answer = asked ? `, ${ASKED[asked]}${says === undefined ? "" : ` (${says})`}` : "";
  return [`    taken for ${profile}, by its ${by}${answer}`];
}
