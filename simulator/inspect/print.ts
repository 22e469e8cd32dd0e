import type { Inspection } from "./inspection.ts";

const failureOf = ({ failure }: Inspection) =>
  failure && { code: failure.code, message: failure.message, means: failure.text.means, todo: failure.text.todo };

/** As {@link Inspection}, with `ok`, and the failure as code and words: what can be printed as JSON. */
export function asObject(inspection: Inspection): object {
  const { failure: _failure, ...rest } = inspection;
  const failure = failureOf(inspection);
  return { ok: failure === undefined, ...rest, ...(failure && { failure }) };
}

/** One JSON object. */
export const asJson = (inspection: Inspection): string => `${JSON.stringify(asObject(inspection), null, 2)}\n`;

/** For a person at a terminal. */
export function asText(inspection: Inspection): string {
  const { profile, length, fields, tracks = [], message = [], checks, warnings } = inspection;
  const facts = Object.entries({ profile, length: `${length} bytes`, ...fields });
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`);

  if (tracks.length > 0) lines.push("", "tracks");
  for (const { number, state, masked, clear, hidden } of tracks) {
    lines.push(`  ${number}  ${state.padEnd(5)}  ${masked ?? (state === "read" ? "not shown" : "")}`.trimEnd());
    if (clear !== undefined) lines.push(`     clear  ${clear}`);
    if (hidden !== undefined) lines.push(`     ${hidden}`);
  }

  if (message.length > 0) lines.push("", "fields");
  const named = Math.max(...message.map(({ name }) => name.length));
  for (const { number, name, value, hidden } of message) {
    lines.push(`  ${String(number).padStart(3)}  ${name.padEnd(named)}  ${value ?? `[${hidden}]`}`.trimEnd());
  }

  lines.push("", "checks");
  if (checks.length === 0) lines.push("  none could be made");
  for (const { name, passed, detail } of checks) {
    lines.push(`  ${passed ? "pass" : "FAIL"}  ${name}${detail === undefined ? "" : `: ${detail}`}`);
  }
  for (const warning of warnings) lines.push(`  warn  ${warning}`);

  const failure = failureOf(inspection);
  if (failure) lines.push("", `${failure.code}: ${failure.message}`, `  ${failure.means}`, `  ${failure.todo}`);
  return `${lines.join("\n")}\n`;
}
