import t from "tap";
import { backgrounds, listenToStream } from "../../bench/waveform/stream.ts";

/** What was read of this draw when the decoder last became better: raise it with it, and say why where it goes down. */
const READ = 44;
const SECONDS = 12;
const SEED = 7;

t.test("of many swipes in one stream nearly all are told, soon, once and right, whatever else is heard", async (t) => {
  let right = 0;
  for (const [name, background] of Object.entries(backgrounds)) {
    const streamed = listenToStream(background, SECONDS, SEED);
    right += streamed.right;
    t.strictSame([streamed.wrong, streamed.late], [0, 0], name);
    if (name === "quiet" || name === "clicks") t.match(streamed, { right: streamed.swipes, spurious: 0 }, name);
  }
  t.ok(right >= READ, `${right} of ${READ} read`);
});
