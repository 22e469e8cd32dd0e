import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { replayFile, resultsOf } from "@swipewire/daemon/capture/command";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";

const CAPTURES = join(import.meta.dirname, "../../fixtures/captures");

t.test("every capture gives what the file beside it says", async (t) => {
  const names = readdirSync(CAPTURES).filter((name) => name.endsWith(".capture.json"));
  t.ok(names.length >= 7);
  for (const name of names) {
    const expected = JSON.parse(readFileSync(join(CAPTURES, name.replace(/\.capture\.json$/, ".json")), "utf8"));
    t.match(expected.source, /./);
    const results = resultsOf(await replayFile(join(CAPTURES, name), seededRandom(1)));
    t.strictSame(JSON.parse(JSON.stringify(results)), expected.results, name);
  }
});
