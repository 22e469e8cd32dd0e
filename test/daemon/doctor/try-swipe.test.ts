import { triedSwipeText, trySwipe } from "@swipewire/daemon/doctor/try-swipe";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import { Seconds } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { findSecret } from "../../system/secrets.ts";
import { capturedLog } from "../captured-log.ts";
import { bytesOf, TRACK_2 } from "../test-swipes.ts";

function begin(family: FixedFamily) {
  const transport = new InProcessTransport({ family, name: "counter" });
  const clock = new SimulatedClock();
  const log = capturedLog();
  const came: string[] = [];
  const failures: string[] = [];
  const tried = trySwipe({
    transports: [transport],
    clock,
    logger: log.logger,
    patience: Seconds(60),
    readerCame: (name) => came.push(name),
    misread: ({ code }) => failures.push(code),
  });
  transport.connect();
  const reader = virtualReader(family, { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10).fill(1, 0, 7) });
  return { transport, clock, log, came, failures, tried, swipe: () => reader.nextFrame(testCard("visa-no-pin")) };
}

t.test("shows a card masked, after one that could not be read", async (t) => {
  const { transport, came, failures, tried, swipe, clock } = begin("ascii");
  transport.deliver(bytesOf(TRACK_2.slice(1)));
  const frame = swipe();
  const secret = Buffer.from(frame).toString("latin1");
  transport.deliver(frame);
  const seen = await tried;
  if (!seen) throw new Error("nothing came");
  t.strictSame(came, ["counter"]);
  t.strictSame(failures, ["reader_frame_start"]);
  const text = triedSwipeText(seen);
  t.match(text, /^reader {8}ascii, in the clear\ntracks {8}1, 2\ncard {10}\d{6}\*+\d{4}, Visa\nservice code {2}no PIN/);
  const [pan = ""] = /\d{13,19}/.exec(secret) ?? [];
  t.strictSame(findSecret(Buffer.from(text), pan), []);
  t.equal(clock.pending, 0);
});

t.test("shows of a card that the reader encrypts what the reader lets be seen", async (t) => {
  const { transport, tried, swipe } = begin("magtek-magnesafe");
  transport.deliver(swipe());
  const seen = await tried;
  if (!seen) throw new Error("nothing came");
  t.match(seen, { encrypted: true, tracks: [1, 2] });
  t.match(triedSwipeText(seen), /magtek-magnesafe, which encrypts/);
});

t.test("gives up when no card comes, and lets go of the readers", async (t) => {
  const { clock, tried, log } = begin("ascii");
  await settle();
  await clock.advance(Seconds(60));
  t.equal(await tried, undefined);
  t.match(log.lines().at(-1), { msg: "reader disconnected", reason: "closed" });
});
