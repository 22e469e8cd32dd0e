import type { Condition } from "./conditions.ts";
import type { Outcome } from "./grid.ts";

/** What became of the swipes of one condition and track. */
export interface Tally {
  readonly condition: Condition;
  readonly track: number;
  readonly outcomes: Outcome[];
}

export const rateOf = (outcomes: readonly Outcome[]) => outcomes.filter(({ right }) => right).length / outcomes.length;
export const wrongOf = (outcomes: readonly Outcome[]) => outcomes.reduce((sum, { wrong }) => sum + wrong, 0);

export const percent = (share: number) => (Number.isNaN(share) ? "" : `${(100 * share).toFixed(1)} %`);

/** The value below which a share of all lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Decibels: curves say little of what lies outside of what was tried. */
const BEYOND = 2;

/**
 * Signal to noise in dB at which half of the swipes are read: the likeliest logistic curve through all steps. Where more than
 * half are read at the lowest step too, it is {@link BEYOND} below that at most.
 */
export function halfPoint(tallies: readonly Tally[]): number {
  const steps = tallies
    .filter(({ condition }) => condition.group === "noise")
    .map(({ condition, outcomes }) => ({
      snr: Number.parseFloat(condition.name),
      right: outcomes.filter(({ right }) => right).length,
      all: outcomes.length,
    }));
  let best = Number.NEGATIVE_INFINITY;
  let point = Number.NaN;
  // Unless some are read and some are not, no curve is likelier than others.
  if (steps.every(({ right, all }) => right === all) || steps.length < 3) return point;
  const lowest = Math.min(...steps.map(({ snr }) => snr));
  for (let middle = lowest - BEYOND; middle <= 25; middle += 0.05) {
    for (let slope = 0.4; slope < 8; slope *= 1.15) {
      let likelihood = 0;
      for (const { snr, right, all } of steps) {
        const share = Math.min(0.999, Math.max(0.001, 1 / (1 + Math.exp(-slope * (snr - middle)))));
        likelihood += right * Math.log(share) + (all - right) * Math.log(1 - share);
      }
      if (likelihood > best) {
        best = likelihood;
        point = middle;
      }
    }
  }
  return point;
}

/** A condition a line, with a column for each track. */
export function asTable(tallies: readonly Tally[], tracks: readonly number[]): string {
  const lines = [["condition", ...tracks.map((track) => `track ${track}`), "wrong"]];
  for (const condition of new Set(tallies.map(({ condition }) => condition))) {
    const of = tallies.filter((tally) => tally.condition === condition);
    lines.push([
      `${condition.group}: ${condition.name}`,
      ...tracks.map((track) => percent(rateOf(of.find((tally) => tally.track === track)?.outcomes ?? []))),
      String(of.reduce((sum, { outcomes }) => sum + wrongOf(outcomes), 0)),
    ]);
  }
  lines.push([
    "all",
    ...tracks.map((track) =>
      percent(rateOf(tallies.filter((tally) => tally.track === track).flatMap((t) => t.outcomes))),
    ),
    String(wrongOf(tallies.flatMap(({ outcomes }) => outcomes))),
  ]);
  return asColumns(lines);
}

/** The first column to the left, the others to the right. */
export function asColumns(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
    )
    .join("\n");
}

const LINE = 15;
const LEFT = 290;
const WIDE = 420;
const COLOURS: Readonly<Record<number, string>> = { 1: "#c2571a", 2: "#1f6f8b", 3: "#6a8d2f" };

/** The same as a drawing: a row for each condition, a dot for each track, a cross where something wrong was accepted. */
export function asPicture(tallies: readonly Tally[], tracks: readonly number[], title: string): string {
  const all = [...new Set(tallies.map(({ condition }) => condition))];
  const x = (share: number) => LEFT + WIDE * share;
  const parts: string[] = [];
  let y = 70;
  const top = y - LINE;
  let group = "";
  for (const condition of all) {
    if (condition.group !== group) {
      y += 6;
      group = condition.group;
      parts.push(`<text x="10" y="${y + 4}" class="g">${escaped(group)}</text>`);
    }
    parts.push(`<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${escaped(condition.name)}</text>`);
    parts.push(`<path d="M${LEFT} ${y}h${WIDE}" stroke="#e4e4e4"/>`);
    const marks = tracks.flatMap((track) => {
      const outcomes = tallies.find((tally) => tally.condition === condition && tally.track === track)?.outcomes ?? [];
      return outcomes.length === 0 ? [] : [{ track, share: rateOf(outcomes), wrong: wrongOf(outcomes) }];
    });
    for (const [n, { track, share, wrong }] of marks.entries()) {
      // Later tracks are drawn smaller, so that both are seen where they coincide.
      parts.push(`<circle cx="${x(share).toFixed(1)}" cy="${y}" r="${5 - 2 * n}" fill="${COLOURS[track]}"/>`);
      if (wrong > 0) parts.push(`<text x="${x(1) + 10}" y="${y + 4}" fill="#b00">✗ ${wrong} on track ${track}</text>`);
    }
    y += LINE;
  }
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<path d="M${x(share)} ${top}V${y - 4}" stroke="#ccc"/><text x="${x(share)}" y="${top - 5}" text-anchor="middle">${100 * share} %</text>`,
  );
  const legend = tracks.map((track, n) => {
    const share = rateOf(tallies.filter((tally) => tally.track === track).flatMap(({ outcomes }) => outcomes));
    const at = LEFT + n * 170;
    return `<circle cx="${at}" cy="${y + 12}" r="${5 - 2 * n}" fill="${COLOURS[track]}"/><text x="${at + 10}" y="${y + 16}">track ${track}: ${percent(share)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDE + 110}" height="${y + 30}" font-family="sans-serif" font-size="11">
<title>${escaped(title)}</title><style>.g{font-weight:bold}</style><rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="22" font-size="14">${escaped(title)}</text>
${[...grid, ...parts, ...legend].join("\n")}
</svg>
`;
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
