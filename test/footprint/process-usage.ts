import { readFile } from "node:fs/promises";

/** Of a process, in KB of memory (proc(5), smaps_rollup) and seconds of processor time. */
export interface Usage {
  readonly rss: number;
  /** Its own; the rest are pages of program files, which the kernel drops when it needs the room. */
  readonly anonymous: number;
  readonly seconds: number;
}

/** `_SC_CLK_TCK` of every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

/** @param read reads a file of the machine where the process is */
export async function usageOf(
  pid: number,
  read = (path: string): Promise<string> => readFile(path, "latin1"),
): Promise<Usage> {
  const memory = await read(`/proc/${pid}/smaps_rollup`);
  const kilobytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(memory)?.[1]);
  const stat = await read(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold blanks.
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return {
    rss: kilobytes("Rss"),
    anonymous: kilobytes("Anonymous"),
    seconds: ((user ?? Number.NaN) + (system ?? Number.NaN)) / TICKS_A_SECOND,
  };
}

/** The programs that a process started and that still run. */
export async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, "latin1");
  return list
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
}

const megabytes = (kilobytes: number) => (kilobytes / 1024).toFixed(1);

/** One line of the table: MB of memory at the end, and percent of a core from `before` to `after`. */
export function usageRow(name: string, before: readonly Usage[], after: readonly Usage[], seconds: number): string {
  const [own, ...helpers] = after.map(({ seconds: spent }, at) => spent - (before[at]?.seconds ?? 0));
  const percent = (spent: number) => ((100 * spent) / seconds).toFixed(2);
  const { rss = Number.NaN, anonymous = Number.NaN } = after[0] ?? {};
  return rowOf(
    name,
    ...[rss, anonymous, rss - anonymous].map(megabytes),
    percent(own ?? Number.NaN),
    percent(helpers.reduce((sum, spent) => sum + spent, 0)),
  );
}

export const usageHeading = rowOf("", "RSS MB", "own MB", "files MB", "CPU %", "helpers %");

function rowOf(name: string, ...cells: string[]): string {
  return name.padEnd(40) + cells.map((cell) => cell.padStart(10)).join("");
}
