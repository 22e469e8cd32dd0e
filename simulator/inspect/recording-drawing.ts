import type { Recording } from "@swipewire/protocol/waveform/wav";
import type { DrawnRun, InspectedRead, InspectedRecording, InspectedSwipe } from "./recording.ts";

const WIDTH = 1200;
const MARGIN = 30;
const INNER = WIDTH - 2 * MARGIN;
const HEAD = 60;
/** Pixels a bit, so that each can be read. */
const BIT_WIDTH = 9;
const STRIP = { ticks: 14, middle: 60, reach: 38, bits: 112, characters: 128, height: 146 };
/** Clocking zeros that are drawn on either side of the characters. */
const ZEROS_SHOWN = 20;
/** Columns of a signal that must not be read: too few to tell a bit. */
const COARSE_COLUMNS = 24;
const CLIPPED = 0.995;

/**
 * Draws each swipe of a recording in rows, as a page of text: the signal, a tick for each flux change, the bits and the
 * characters. Flux changes and a signal drawn finely say as much as the characters do, so of any but a test card only an
 * outline is drawn.
 */
export function drawRecording(recording: Recording, inspected: InspectedRecording): string {
  const peak = recording.samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-9);
  let top = 0;
  const panels = inspected.swipes.map((swipe) => {
    const { height, parts } = panel({ recording, peak }, inspected, swipe);
    const drawn = `<g transform="translate(0 ${top})">\n${parts.join("\n")}\n</g>`;
    top += height;
    return drawn;
  });
  if (panels.length === 0) {
    panels.push(textAt(MARGIN, 24, "nothing was swiped"));
    top = HEAD;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top}" font-family="monospace" font-size="10">
<title>Swipes of a recording</title>
<rect width="100%" height="100%" fill="white"/>
${panels.join("\n")}
</svg>
`;
}

interface Signal {
  readonly recording: Recording;
  readonly peak: number;
}

/** A stretch of samples, wrapped into rows. */
interface View {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

function panel(signal: Signal, inspected: InspectedRecording, swipe: InspectedSwipe) {
  const { sampleRate, channels } = inspected;
  const { start, end, tracks, failure } = swipe;
  const mayShow = tracks.length > 0 && tracks.every(({ isTestCard }) => isTestCard);
  const runs = tracks.flatMap((track) => runOf(inspected, swipe, track) ?? []);
  const fine = mayShow && runs.length > 0;
  const view = fine ? viewOf(runs) : { from: start * sampleRate, to: end * sampleRate, rows: 1 };
  const rowHeight = channels * STRIP.height;
  const parts = heading(signal, swipe, tracks, failure);
  for (let row = 0; row < view.rows; row++) {
    const time = (view.from + ((view.to - view.from) * row) / view.rows) / sampleRate;
    parts.push(textAt(MARGIN, HEAD + row * rowHeight + 6, `${time.toFixed(3)} s`, "#777"));
    for (let channel = 0; channel < channels; channel++) {
      const own = tracks.find((track) => track.channel === channel);
      const run = fine && own ? runOf(inspected, swipe, own) : undefined;
      parts.push(`<g transform="translate(0 ${HEAD + row * rowHeight + channel * STRIP.height})">`);
      parts.push(...strip(signal, view, row, channel, fine));
      if (run && own) parts.push(...marks(view, row, run, own));
      parts.push("</g>");
    }
  }
  return { height: HEAD + view.rows * rowHeight, parts };
}

function heading(
  { peak }: Signal,
  { start, end }: InspectedSwipe,
  tracks: readonly InspectedRead[],
  failure: InspectedSwipe["failure"],
): string[] {
  const level = `loudest ${(20 * Math.log10(peak)).toFixed(1)} dB of full scale`;
  const place = `${start.toFixed(3)} to ${end.toFixed(3)} s, ${level}`;
  const [first] = tracks;
  const speeds = tracks.flatMap(({ speeds }) => speeds);
  const motion = first ? `, ${first.direction}, ${Math.min(...speeds)} to ${Math.max(...speeds)} cm/s` : "";
  const title = failure
    ? `${failure.code}: ${failure.what}`
    : tracks.map(({ number, text }) => `track ${number}: ${text ?? "not shown"}`).join("   ");
  const more = failure ? `${place}. ${failure.todo}` : place + motion;
  return [
    `<path d="M0 0h${WIDTH}" stroke="#ccc"/>`,
    textAt(MARGIN, 22, title, "#000", 'font-size="13" font-weight="bold"'),
    textAt(MARGIN, 40, more, "#555", 'font-size="11"'),
  ];
}

const runOf = ({ runs, sampleRate }: InspectedRecording, { start, end }: InspectedSwipe, { channel }: InspectedRead) =>
  runs.find(
    (run) => run.characters && run.channel === channel && run.start < end * sampleRate && run.end > start * sampleRate,
  );

function viewOf(runs: readonly DrawnRun[]): View {
  const shown = runs.map(({ bits, characters }) => {
    const first = Math.max(0, (characters?.first ?? 0) - ZEROS_SHOWN);
    const last = Math.min(bits.length - 1, (characters?.end ?? bits.length) + ZEROS_SHOWN);
    return { from: bits[first]?.start ?? 0, to: bits[last]?.end ?? 0, count: last - first };
  });
  const most = Math.max(...shown.map(({ count }) => count));
  return {
    from: Math.min(...shown.map(({ from }) => from)),
    to: Math.max(...shown.map(({ to }) => to)),
    rows: Math.ceil((most * BIT_WIDTH) / INNER),
  };
}

/** Where a sample lies in a row; outside of the margins where it is another row's. */
const xOf = ({ from, to, rows }: View, row: number, sample: number) =>
  MARGIN + ((sample - from) / Math.max(1, to - from)) * rows * INNER - row * INNER;
const isInside = (x: number) => x >= MARGIN && x <= WIDTH - MARGIN;

function strip({ recording, peak }: Signal, view: View, row: number, channel: number, fine: boolean): string[] {
  const { samples, channels } = recording;
  const frames = samples.length / channels;
  const y = (value: number) => (STRIP.middle - (STRIP.reach * value) / peak).toFixed(1);
  const columns = fine ? INNER : COARSE_COLUMNS;
  const span = (view.to - view.from) / view.rows / columns;
  const begin = view.from + (row * (view.to - view.from)) / view.rows;
  const upper: string[] = [];
  const lower: string[] = [];
  const line: string[] = [];
  for (let column = 0; column < columns; column++) {
    const first = Math.max(0, Math.floor(begin + column * span));
    const last = Math.min(frames, Math.max(first + 1, Math.ceil(begin + (column + 1) * span)));
    let high = Number.NEGATIVE_INFINITY;
    let low = Number.POSITIVE_INFINITY;
    for (let frame = first; frame < last; frame++) {
      const value = samples[frame * channels + channel] as number;
      high = Math.max(high, value);
      low = Math.min(low, value);
    }
    if (high < low) continue;
    const x = (MARGIN + ((column + 0.5) * INNER) / columns).toFixed(1);
    upper.push(`${x},${y(high)}`);
    lower.unshift(`${x},${y(low)}`);
    line.push(`${x},${y(high)}`, `${x},${y(low)}`);
  }
  const clipped = [1, -1].map((side) => `M${MARGIN} ${y(side)}h${INNER}`).join("");
  return [
    ...(peak >= CLIPPED ? [`<path d="${clipped}" stroke="#c00" stroke-dasharray="4 3" stroke-width="0.7"/>`] : []),
    fine
      ? `<polyline points="${line.join(" ")}" fill="none" stroke="#247" stroke-width="0.8"/>`
      : `<polygon points="${[...upper, ...lower].join(" ")}" fill="#cde" stroke="#247" stroke-width="0.7"/>`,
  ];
}

function marks(view: View, row: number, run: DrawnRun, { text = "", direction, number }: InspectedRead): string[] {
  const { first, end } = run.characters ?? { first: 0, end: 0 };
  const each = number === 1 ? 7 : 5;
  // As they passed the head.
  const characters = [...text, "LRC"];
  if (direction === "backward") characters.reverse();
  const parts: string[] = [];
  for (const at of run.places) {
    const x = xOf(view, row, at);
    if (isInside(x)) parts.push(`<path d="M${x.toFixed(1)} ${STRIP.ticks}v6" stroke="#c40"/>`);
  }
  for (const [n, { start, end: behind, bit }] of run.bits.entries()) {
    const x = xOf(view, row, (start + behind) / 2);
    if (!isInside(x)) continue;
    const colour = n >= first && n < end ? "#000" : "#aaa";
    parts.push(textAt(x, STRIP.bits, `${bit}`, colour, 'text-anchor="middle"'));
  }
  for (const [n, character] of characters.entries()) {
    const from = xOf(view, row, run.bits[first + n * each]?.start ?? 0);
    const to = xOf(view, row, run.bits[first + (n + 1) * each - 1]?.end ?? 0);
    if (!isInside((from + to) / 2)) continue;
    const left = Math.max(MARGIN, from);
    const width = Math.min(WIDTH - MARGIN, to) - left - 1;
    const box = `x="${left.toFixed(1)}" y="${STRIP.characters - 11}" width="${width.toFixed(1)}" height="14"`;
    parts.push(`<rect ${box} rx="2" fill="#e8eef6"/>`);
    parts.push(textAt(left + width / 2, STRIP.characters, character, "#000", 'text-anchor="middle" font-size="12"'));
  }
  return parts;
}

const textAt = (x: number, y: number, text: string, colour = "#000", more = "") =>
  `<text x="${x.toFixed(1)}" y="${y}" fill="${colour}" ${more}>${escaped(text)}</text>`;

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
