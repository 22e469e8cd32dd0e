import { join } from "node:path";
import { examine } from "@swipewire/daemon/doctor/doctor";
import type { Clock } from "@swipewire/protocol/time";
import { startCentre, startTerminal } from "@swipewire/simulator/demo/system";
import t from "tap";
import { clock, emptyFolder, listeningLogger, random } from "./stage.ts";

/** The machine's clock, off by so many milliseconds. */
const off = (by: number): Clock => ({ now: () => clock.now() + by, after: clock.after });

t.test("a terminal's clock is compared with the gateway's, while its daemon runs and while it does not", async (t) => {
  const folder = await emptyFolder(t);
  const { logger, heard } = listeningLogger();
  const centre = await startCentre({ folder, clock, random, logger, replySeconds: 60 });
  t.teardown(() => centre.close());
  await centre.gateway.ready;
  for (const [by, verdict, says] of [
    [0, /good|doubtful/, /^agrees with the gateway's|^[123] s (behind|ahead)/],
    [-100_000, "bad", /^(9[7-9]|10[0-3]) s behind the gateway's/],
    [200_000, "bad", /^(19[7-9]|20[0-3]) s ahead of the gateway's/],
  ] as const) {
    const { token } = await centre.gateway.terminals.issueEnrolmentToken();
    const stateDir = join(folder, `terminal${by}`);
    const own = { clock: off(by), random, logger };
    const compared = heard(by === 0 ? "signing key is pinned" : "uplink_clock_off");
    const { daemon } = await startTerminal({
      gatewayUrl: centre.gateway.httpUrl,
      token,
      stateDir,
      family: "ascii",
      ...own,
    });
    const port = Number(new URL(daemon.localApi.url).port);
    const look = async () => {
      const findings = await examine({
        config: {
          stateDir,
          log: { level: "info" },
          localApi: { port, allowedOrigins: [] },
          findReaders: false,
          readers: [],
          profiles: [],
        },
        devices: async () => [],
        profiles: [],
        access: async () => "allowed",
        loadLibraries: async () => {},
        ...own,
      });
      return (subject: string) => findings.find((finding) => finding.subject === subject);
    };
    await compared;
    const running = await look();
    t.match(running("daemon"), { verdict: "good" });
    t.match(running("clock"), { verdict, says }, `${by}, asked of the daemon`);
    await daemon.close();
    const alone = await look();
    t.match(alone("gateway"), { verdict: "good", says: "answers" });
    t.match(alone("clock"), { verdict, says }, `${by}, asked of the gateway`);
  }
});
