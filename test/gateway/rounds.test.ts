import { Rounds } from "@swipewire/gateway/rounds";
import { Seconds } from "@swipewire/protocol/time";
import { pino } from "pino";
import t from "tap";
import { SimulatedClock, settle } from "../simulated-clock.ts";

function begin(work: () => Promise<unknown>) {
  const clock = new SimulatedClock();
  const log: string[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(line) });
  const rounds = new Rounds({ every: Seconds(30), work, failed: "could not be looked for", clock, logger });
  rounds.start();
  return { rounds, clock, log };
}

t.test("a round that fails is logged without its words, and the next one comes", async (t) => {
  let count = 0;
  const { rounds, clock, log } = begin(async () => {
    if (++count === 1) throw new Error("4111111111111111");
  });
  await clock.advance(Seconds(90));
  t.equal(count, 3);
  t.equal(log.length, 1);
  t.match(log[0], "could not be looked for");
  t.notMatch(log[0], "4111111111111111");
  await rounds.close();
  t.equal(clock.pending, 0);
});

t.test("closing waits for the round under way, and none comes after it", async (t) => {
  const working = Promise.withResolvers<void>();
  const { rounds, clock } = begin(() => working.promise);
  await clock.advance(Seconds(30));
  let closed = false;
  const closing = rounds.close().then(() => {
    closed = true;
  });
  await settle();
  t.notOk(closed);
  working.resolve();
  await closing;
  t.equal(clock.pending, 0);
});
