import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { gatewayConfig, makeTestKeys, startTerminal } from "@swipewire/simulator/demo/system";
import { startShop } from "@swipewire/simulator/shop/shop";
import t, { type Test } from "tap";
import { addMerchant, startGatewayProcess, terminalToken, writeConfig } from "./gateway-process.ts";
import {
  clock,
  emptyFolder,
  newOrder,
  PHONE,
  random,
  recordingLogger,
  swipeFor,
  untilStep,
  untilView,
} from "./stage.ts";

const SIMULATOR = join(import.meta.dirname, "../../simulator/bin/swipewire-sim.js");

/** A command of the simulator as a tester runs it. */
function startProgram(t: Test, ...args: string[]) {
  const child = spawn(process.execPath, [SIMULATOR, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  t.teardown(() => child.kill("SIGKILL"));
  const heard: string[] = [];
  const lines = createInterface({ input: child.stdout }).on("line", (line) => heard.push(line));
  return {
    /** The first line that holds `text`, said already or to come. */
    says: async (text: string): Promise<string> => {
      for (;;) {
        const line = heard.find((line) => line.includes(text));
        if (line !== undefined) return line;
        await once(lines, "line");
      }
    },
    type: (line: string) => child.stdin.write(`${line}\n`),
    stop: async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      return (await gone)[0];
    },
  };
}

t.test("gateway, bank and phones, each a program of its own: a payer is called and answers by hand", async (t) => {
  const { logger } = recordingLogger();
  const folder = await emptyFolder(t);
  const bank = startProgram(t, "bank", "--port", "0");
  const phones = startProgram(t, "phones", "--port", "0");
  const [bankUp, phonesUp] = await Promise.all([bank.says("bank is up"), phones.says("phones are up")]);
  const config = gatewayConfig({
    folder,
    bankPort: JSON.parse(bankUp).port,
    phonesUrl: /ws:\S+\d/.exec(phonesUp)?.[0] ?? "",
    replySeconds: 60,
  });
  await makeTestKeys(config, { clock, random });
  const file = await writeConfig(folder, config);
  const shop = await startShop({ host: "127.0.0.1", port: 0, random, logger });
  t.teardown(() => shop.close());
  const account = await addMerchant(file, shop.webhookUrl);
  const gateway = await startGatewayProcess(file);
  t.teardown(() => gateway.kill());
  shop.connect({ gatewayUrl: gateway.httpUrl, ...account });

  const { daemon, transport } = await startTerminal({
    gatewayUrl: gateway.httpUrl,
    token: await terminalToken(file),
    stateDir: join(folder, "terminal"),
    family: "magtek-magnesafe",
    clock,
    random,
    logger,
  });
  t.teardown(() => daemon.close());
  const { session } = daemon;
  await untilView(session, (view) => view.gateway);

  const order = await shop.placeOrder(newOrder("T-1"));
  const rings = phones.says("is ringing");
  await swipeFor({ session, shop, deliver: (frame) => transport.deliver(frame) }, order);
  t.equal(await rings, `${PHONE} is ringing`);
  const entry = bank.says('"purchase"');
  const text = phones.says("reads:");
  phones.type(PHONE);
  phones.type("123456#");
  t.match((await untilStep(session, "result")).result, { outcome: "approved" });
  t.match(JSON.parse(await entry), { card: "unionpay-debit", amount: 10_000, responseCode: "00" });
  t.equal(await text, `${PHONE} reads: Paid: CNY 100.00, Shop, order T-1.`);
  t.equal(await gateway.stop(), 0);
  t.equal(await phones.stop(), 0);
  t.equal(await bank.stop(), 0);
});

t.test("what a program can't be asked for ends it with 2", async (t) => {
  for (const args of [["bank", "--port", "x"], ["bank", "--tmk", "00"], ["phones", "--port", "65536"], ["nothing"]]) {
    const child = spawn(process.execPath, [SIMULATOR, ...args], { stdio: "ignore" });
    t.equal((await once(child, "exit"))[0], 2, args.join(" "));
  }
});
