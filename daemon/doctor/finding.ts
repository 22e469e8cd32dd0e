/** One thing that was looked at, for whoever looks after the machine. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly subject: string;
  /** `bad`: no payment is possible until it is mended. `doubtful`: it may become so. */
  readonly verdict: "good" | "doubtful" | "bad";
  readonly says: string;
  /** What to do about it; absent where it is good. */
  readonly todo?: string;
}

const words = { good: "ok", doubtful: "look", bad: "WRONG" } as const;

/** The findings as a person reads them, line by line. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  return findings
    .flatMap(({ subject, verdict, says, todo }) => [
      `${words[verdict].padEnd(5)}  ${subject.padEnd(width)}  ${says}`,
      ...(todo === undefined ? [] : [`       ${" ".repeat(width)}  ${todo}`]),
    ])
    .join("\n");
}
