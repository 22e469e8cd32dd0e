import t from "tap";
import { scriptPhones } from "../../gateway/scripted-phones.ts";
import { voiceSuite } from "../../gateway/voice-suite.ts";
import { hurried, openBaresip } from "./baresip-floor.ts";
import { startTrunk } from "./simulated-trunk.ts";
import { freePort, startCallee } from "./sipp-callee.ts";

t.test("baresip is a voice channel, with sipp as the trunk", (t) => {
  voiceSuite(t, async (t, behaviour) => {
    const port = behaviour === "gone" ? await freePort() : await startCallee(t, behaviour);
    // What SIP leaves to a limit of ours takes 20 s and 60 s.
    const limited = behaviour === "gone" || behaviour === "rings";
    const { voice } = await openBaresip(t, port, limited ? { clock: hurried(25) } : {});
    return { voice, elapse: async () => {} };
  });
  t.end();
});

t.test("baresip is a voice channel, with the simulator's trunk", (t) => {
  voiceSuite(t, async (t, behaviour) => {
    const { port, phones } = await startTrunk(t, { payers: hurried(10) });
    scriptPhones(phones, behaviour);
    const { voice } = await openBaresip(t, port);
    return { voice, elapse: async () => {} };
  });
  t.end();
});
