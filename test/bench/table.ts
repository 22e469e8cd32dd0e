import { type Rate, timesAsQuick } from "./measure.ts";

/** One line of the table. */
export interface Row {
  readonly subject: string;
  readonly ours: Rate;
  /** What it is compared with, measured in the same run. */
  readonly peer?: Rate;
  /** How many times the peer it should be. */
  readonly times?: number;
  /** Microseconds that one operation should take at most. */
  readonly within?: number;
  /** A figure published elsewhere, on another machine: for the eye only. */
  readonly published?: string;
}

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export const isMet = ({ ours, peer, times, within }: Row): boolean =>
  (times === undefined || peer === undefined || timesAsQuick(ours, peer) >= times) &&
  (within === undefined || 1e6 / ours.perSecond <= within);

/** Plain text, a row a line. */
export function asTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => {
    const { subject, ours, peer, times, within, published } = row;
    return [
      subject,
      `${whole.format(ours.perSecond)}/s`,
      `${(1e6 / ours.perSecond).toFixed(2)} us`,
      peer ? `${peer.name} ${whole.format(peer.perSecond)}/s` : (published ?? ""),
      peer ? `${timesAsQuick(ours, peer).toFixed(1)} times` : "",
      times === undefined && within === undefined
        ? ""
        : `${isMet(row) ? "met" : "MISSED"}: ${times === undefined ? `${within} us at most` : `${times} times at least`}`,
    ];
  });
  const all = [["subject", "rate", "each", "compared with", "ratio", "target"], ...cells];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0))) ?? [];
  return all
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
