import { MessageInvalid } from "@swipewire/protocol/errors";
import { line, Timestamp } from "@swipewire/protocol/messages/fields";
import { checker } from "@swipewire/protocol/messages/parse";
import { isoTime } from "@swipewire/protocol/time";
import fc from "fast-check";
import t from "tap";

const checkTimestamp = checker(Timestamp);

t.test("every moment of four-digit years is a timestamp", async () => {
  const [first, last] = [Date.UTC(1970, 0), Date.UTC(9999, 11, 31, 23, 59, 59, 999)];
  fc.assert(
    fc.property(fc.integer({ min: first, max: last }), (at) => Date.parse(checkTimestamp(isoTime(at))) === at),
    { seed: 5, numRuns: 2000 },
  );
});

t.test("what looks like a timestamp and is no moment is none: it would neither be over nor to come", async (t) => {
  for (const text of [
    "2026-13-01T00:00:00.000Z",
    "2026-00-01T00:00:00.000Z",
    "2026-01-32T00:00:00.000Z",
    "2026-01-00T00:00:00.000Z",
    "2026-01-01T25:00:00.000Z",
    "2026-01-01T00:60:00.000Z",
    "2026-01-01T00:00:61.000Z",
    "2026-01-01T00:00:00.000z",
    "2026-01-01T00:00:00.000Z\n",
  ]) {
    t.throws(() => checkTimestamp(text), MessageInvalid, text);
  }
});

t.test("a line has one to so many characters of any script, and none that controls a screen", async (t) => {
  const check = checker(line(5));
  for (const text of ["a", "茶一杯", "چای", "👍🏽", "a b c"]) t.equal(check(text), text);
  for (const text of ["", "abcdef", "a\n", "\u001b[m", "\u0085", "\u007f", "\ud800", "a\udc00"]) {
    t.throws(() => check(text), MessageInvalid, JSON.stringify(text));
  }
});
