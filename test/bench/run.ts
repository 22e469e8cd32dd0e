import { dukpt } from "./dukpt.ts";
import { iso8583 } from "./iso8583.ts";
import { modem } from "./modem/run.ts";
import { readers } from "./readers.ts";
import { asTable, isMet } from "./table.ts";
import { waveform } from "./waveform/run.ts";
import { secondSwipe } from "./waveform/second-swipe.ts";
import { stream } from "./waveform/stream.ts";

/**
 * What Swipewire does a second of CPU time, beside its peers in the same run. Exit status 1 when a target was missed.
 * `npm run bench` takes half a minute and keeps the garbage collector on the same core; a busy machine lowers the rates.
 * `npm run bench -- waveform` measures the decoder of card swipes instead, in three minutes,
 * `npm run bench -- second-swipe` what it makes of cards that are swiped again, in one, `npm run bench -- stream`
 * of many swipes in one stream, in one, and `npm run bench -- modem` the framed modem, in ten.
 */
const [subject, ...args] = process.argv.slice(2);
if (subject === "waveform") {
  await waveform(args);
} else if (subject === "second-swipe") {
  secondSwipe(args);
} else if (subject === "stream") {
  stream(args);
} else if (subject === "modem") {
  modem(args);
} else {
  const rows = [...iso8583(), ...dukpt(), ...readers()];
  process.stdout.write(`Node ${process.version}, ${process.arch}; operations a second of CPU time, medians\n\n`);
  process.stdout.write(`${asTable(rows)}\n`);
  process.exitCode = rows.every(isMet) ? 0 : 1;
}
