import { Millis } from "@swipewire/protocol/time";
import { typingPayer } from "@swipewire/simulator/phone/payer";
import PQueue from "p-queue";
import t from "tap";
import { askPin, callPayers } from "../../gateway/pin-calls.ts";
import { seededRandom } from "../../seeded-random.ts";
import { openBaresip } from "./baresip-floor.ts";
import { startTrunk } from "./simulated-trunk.ts";

/** What is typed, and the PIN that it means. */
const TYPED = [
  ["1379#", "1379"],
  ["1133#", "1133"],
  ["0000#", "0000"],
  ["99*2468#", "2468"],
  ["12#5566#", "5566"],
  ["907351462839#", "907351462839"],
  ["44444444#", "44444444"],
  ["808080#", "808080"],
] as const;
const CALLS = 16;
/** baresip takes two keys alike for one when it gets none of the three packets that end the first. */
const LONGEST_LOSS = 1;

for (const [name, loss, doubling, swapping] of [
  ["loses every fifth packet", 0.2, 0, 0],
  ["doubles every third packet", 0, 0.33, 0],
  ["swaps every third packet with the next", 0, 0, 0.33],
  ["does all of that", 0.2, 0.2, 0.2],
] as const) {
  t.test(`over a line that ${name}, every PIN arrives as it was typed`, async (t) => {
    const { port, phones } = await startTrunk(t, {
      line: (number) => ({
        loss,
        longestLoss: LONGEST_LOSS,
        doubling,
        swapping,
        random: seededRandom(Number(number.slice(-4))),
      }),
    });
    const { voice } = await openBaresip(t, port);
    const queue = new PQueue({ concurrency: CALLS });
    const answers = await queue.addAll(
      Array.from({ length: CALLS }, (_, at) => async () => {
        const [typed, pin] = TYPED[at % TYPED.length] ?? TYPED[0];
        const number = `+861380000${String(at).padStart(4, "0")}`;
        phones.phone(number).script = typingPayer(new TextEncoder().encode(typed), Millis(100), Millis(1));
        return [typed, pin, await askPin(voice, number)] as const;
      }),
    );
    for (const [typed, pin, answer] of answers) t.equal(answer, pin, typed);
  });
}

t.test("100 calls, 50 at a time, are 100 right PINs", async (t) => {
  const { port, phones } = await startTrunk(t);
  const { voice } = await openBaresip(t, port);
  const results = await callPayers(voice, 100, 50, (number, pin) => {
    phones.phone(number).script = typingPayer(new TextEncoder().encode(`${pin}#`), Millis(100), Millis(1));
  });
  t.equal(results.length, 100);
  for (const [pin, answer] of results) t.equal(answer, pin);
});

t.test("a payer who types slowly is waited for", async (t) => {
  const { port, phones } = await startTrunk(t);
  const { voice } = await openBaresip(t, port);
  phones.phone("+8613800000001").script = typingPayer(new TextEncoder().encode("2580#"), Millis(100), Millis(1_500));
  t.equal(await askPin(voice, "+8613800000001"), "2580");
});
