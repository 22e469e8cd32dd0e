import { PROMPTS } from "@swipewire/gateway/voice/voice-channel";
import t from "tap";
import { askPin, callPayers } from "../../gateway/pin-calls.ts";
import { listener } from "../../gateway/voice-suite.ts";
import { baresipChildren, hurried, NUMBER, openBaresip } from "./baresip-floor.ts";
import { type CalleeBehaviour, freePort, LEAVING, startCallee } from "./sipp-callee.ts";

t.test("a PIN typed on the phone arrives, 20 times with 10 calls at once", async (t) => {
  const { voice, log } = await openBaresip(t, await startCallee(t, "types"));
  const results = await callPayers(voice, 20, 10);
  t.equal(new Set(results.map(([pin]) => pin)).size, 20);
  for (const [pin, answer] of results) t.equal(answer, pin);
  t.notMatch(log.join(""), new RegExp(results.map(([pin]) => `"${pin}"`).join("|")));
});

for (const [behaviour, code] of [
  ["busy", "pin_busy"],
  ["rings", "pin_no_answer"],
  ["hangs-up", "pin_abandoned"],
  ["hangs-up-midway", "pin_abandoned"],
] as const satisfies readonly (readonly [CalleeBehaviour, string])[]) {
  t.test(`asking a payer for a PIN whose phone is "${behaviour}" fails with ${code}`, async (t) => {
    const clock = behaviour === "rings" ? hurried(25) : undefined;
    const { voice } = await openBaresip(t, await startCallee(t, behaviour), clock && { clock });
    t.equal(await askPin(voice, NUMBER, clock), code);
  });
}

t.test("asking a payer for a PIN who can't be reached fails long before SIP gives up", async (t) => {
  const clock = hurried(25);
  const { voice } = await openBaresip(t, await freePort(), { clock });
  t.equal(await askPin(voice, NUMBER, clock), "pin_unreachable");
});

t.test("when baresip is killed its calls end as failed, and calls can be made again", async (t) => {
  const { voice, logged } = await openBaresip(t, await startCallee(t, "types"));
  const call = listener();
  voice.call(NUMBER, "enter-pin", call.on);
  const ringing = listener();
  voice.call(NUMBER, "enter-pin", ringing.on);
  await call.until("key", 2);
  const children = baresipChildren();
  t.equal(children.length, PROMPTS.length);
  const told = logged("voice_process_ended");
  for (const child of children) process.kill(child, "SIGKILL");
  await call.until("ended");
  await ringing.until("ended");
  t.same([call.causes, ringing.causes], [["failed"], ["failed"]]);
  await told;

  const meanwhile = listener();
  voice.call(NUMBER, "enter-pin", meanwhile.on);
  await meanwhile.until("ended");
  t.same(meanwhile.events, [{ kind: "ended", cause: "failed" }]);

  await logged('"prompt":"enter-pin","msg":"baresip is up"');
  t.equal(await askPin(voice, NUMBER), "1379");
  t.notOk(baresipChildren().some((child) => children.includes(child)));
});

t.test("a call that just ended by itself takes no other with it when it is hung up", async (t) => {
  const { voice } = await openBaresip(t, await startCallee(t, "types"));
  const stays = listener();
  const staying = voice.call(NUMBER, "enter-pin", stays.on);
  await stays.until("answered");
  const leaves = listener();
  const leaving = voice.call(LEAVING, "enter-pin", leaves.on);
  await leaves.until("answered");
  // The payer hangs up meanwhile, and we have not heard of it when we do.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  leaving.hangup();
  await stays.until("key", 5);
  t.equal(stays.keys, "1379#");
  t.same(stays.causes, []);
  t.same(leaves.causes, ["hangup"]);

  staying.hangup();
  t.equal(await askPin(voice, NUMBER), "1379", "calls go on");
});
