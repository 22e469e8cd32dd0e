import { appendFileSync, existsSync, readFileSync } from "node:fs";
import Type from "typebox";
import Value from "typebox/value";

/** What came of a run. Runs with different seeds add up, so that a long one can be done in pieces. */
const Run = Type.Object({
  /** What was asked for: no two runs of a tally with the same. */
  run: Type.String(),
  swipes: Type.Number(),
  right: Type.Number(),
  wrong: Type.Number(),
  /** Of each sound that holds no card. */
  sounds: Type.Record(Type.String(), Type.Object({ seconds: Type.Number(), accepted: Type.Number() })),
});
export type Run = Type.Static<typeof Run>;

/** @throws Error for a line that no run has written */
export function runsIn(file: string): Run[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter(Boolean).map((line, n) => {
    const run: unknown = JSON.parse(line);
    if (!Value.Check(Run, run)) throw new Error(`${file}, line ${n + 1}: not a run of this bench`);
    return run;
  });
}

/** Appends a run, and gives the sum of all in the file. */
export function addUp(file: string, run: Run): string {
  appendFileSync(file, `${JSON.stringify(run)}\n`);
  const runs = runsIn(file);
  const sum = (of: (run: Run) => number) => runs.reduce((all, run) => all + of(run), 0);
  const names = [...new Set(runs.flatMap(({ sounds }) => Object.keys(sounds)))];
  return [
    `${runs.length} runs in ${file}:`,
    `  ${sum(({ wrong }) => wrong)} wrong accepts in ${sum(({ swipes }) => swipes)} swipes, ${sum(({ right }) => right)} of them read`,
    ...names.map((name) => {
      const hours = sum(({ sounds }) => sounds[name]?.seconds ?? 0) / 3600;
      return `  ${name}: ${hours.toFixed(2)} h, ${sum(({ sounds }) => sounds[name]?.accepted ?? 0)} accepted`;
    }),
  ].join("\n");
}
