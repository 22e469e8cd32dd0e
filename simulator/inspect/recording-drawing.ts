import type { Recording } from "../waveform/wav.ts";
import type { DrawnRun, InspectedRecording, InspectedSwipe } from "./recording.ts";

const HEIGHT = 240;
const MARGIN = 30;
/** Pixels a bit, so that each can be read. */
const BIT_WIDTH = 9;
/** Columns of a signal that must not be read: too few to tell a bit. */
const COARSE_COLUMNS = 24;

/**
 * Draws each swipe of a recording: the signal, a tick for each flux change, the bits and the characters. Flux changes and a
 * signal drawn finely say as much as the characters do, so of any but a test card only an outline is drawn.
 */
export function drawRecording(recording: Recording, inspected: InspectedRecording): string {
  const panels = inspected.swipes.map((swipe) => panel(recording, inspected, swipe));
  const width = Math.max(600, ...panels.map(({ width }) => width));
  const body = panels.map(({ svg }, n) => `<g transform="translate(0 ${n * HEIGHT})">${svg}</g>`).join("\n");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${Math.max(1, panels.length) * HEIGHT}" font-family="monospace" font-size="10">
<rect width="100%" height="100%" fill="white"/>
${body}
</svg>
`;
}

function panel(recording: Recording, { sampleRate, runs }: InspectedRecording, swipe: InspectedSwipe) {
  const { start, end, tracks, failure } = swipe;
  const from = Math.max(0, Math.floor(start * sampleRate));
  const to = Math.ceil(end * sampleRate);
  const mayShow = tracks.length > 0 && tracks.every(({ isTestCard }) => isTestCard);
  const own = runs.filter((run) => run.start < to && run.end > from);
  const width = mayShow
    ? Math.max(600, 2 * MARGIN + BIT_WIDTH * Math.max(...own.map(({ bits }) => bits.length), 1))
    : 600;
  const x = (sample: number) => (MARGIN + ((sample - from) / Math.max(1, to - from)) * (width - 2 * MARGIN)).toFixed(1);
  const title = failure
    ? `${failure.code}: ${failure.what}`
    : tracks.map(({ number, text }) => `track ${number}: ${text ?? "not shown"}`).join("   ");
  const parts = [`<text x="${MARGIN}" y="20" font-size="13">${escaped(title)}</text>`];
  const columns = mayShow ? width - 2 * MARGIN : COARSE_COLUMNS;
  parts.push(outline(recording, from, to, columns, x));
  if (mayShow) parts.push(...own.flatMap((run) => marks(run, x)));
  return { width, svg: parts.join("\n") };
}

function outline(
  { samples, channels }: Recording,
  from: number,
  to: number,
  columns: number,
  x: (sample: number) => string,
): string {
  const frames = samples.length / channels;
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-9);
  const y = (value: number) => (120 - (80 * value) / peak).toFixed(1);
  const upper: string[] = [];
  const lower: string[] = [];
  for (let column = 0; column < columns; column++) {
    const first = from + Math.floor(((to - from) * column) / columns);
    const last = Math.min(frames, from + Math.ceil(((to - from) * (column + 1)) / columns));
    let high = -peak;
    let low = peak;
    for (let frame = first; frame < last; frame++) {
      for (let channel = 0; channel < channels; channel++) {
        const value = samples[frame * channels + channel] ?? 0;
        high = Math.max(high, value);
        low = Math.min(low, value);
      }
    }
    if (high < low) continue;
    upper.push(`${x((first + last) / 2)},${y(high)}`);
    lower.unshift(`${x((first + last) / 2)},${y(low)}`);
  }
  return `<polygon points="${[...upper, ...lower].join(" ")}" fill="#cde" stroke="#247" stroke-width="0.7"/>`;
}

function marks({ channel, places, bits }: DrawnRun, x: (sample: number) => string): string[] {
  const row = 206 + 14 * channel;
  return [
    ...places.map((at) => `<path d="M${x(at)} 30v6" stroke="#c40"/>`),
    ...bits.map(
      ({ at, bit, isClocking }) =>
        `<text x="${x(at)}" y="${row}" text-anchor="middle" fill="${isClocking ? "#aaa" : "#000"}">${bit}</text>`,
    ),
  ];
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
