import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { reset } from "@swipewire/protocol/readers/magtek-commands/reset";
import { setProperty } from "@swipewire/protocol/readers/magtek-commands/set-property";
import t, { type Test } from "tap";
import { UsbipClient } from "./usbip-client.ts";

const bin = join(import.meta.dirname, "../../../simulator/bin/swipewire-sim.js");

function start(t: Test, ...args: string[]) {
  const command = spawn(process.execPath, [bin, "reader", ...args], { stdio: ["pipe", "pipe", "pipe"] });
  t.teardown(() => command.kill());
  const lines = createInterface(command.stdout)[Symbol.asyncIterator]();
  const exited = once(command, "exit");
  return {
    type: (line: string) => command.stdin.write(`${line}\n`),
    line: async () => String((await lines.next()).value),
    complaint: async () => String((await once(command.stderr, "data"))[0]),
    end: async () => {
      command.stdin.end();
      return (await exited)[0];
    },
  };
}

t.test("offers the readers named, and plugs, unplugs and swipes as it is told", async (t) => {
  const { type, line, complaint, end } = start(
    t,
    ...[
      "--usbip",
      "--port",
      "0",
      "--device",
      "hid-msr:A1",
      "--device",
      "magtek",
      "--device",
      "lines=1d50:6018",
      "--device",
      "keyboard=1d50:6019:K1",
      "--card",
      "visa-no-pin",
    ],
  );
  const port = Number(/127\.0\.0\.1:(\d+);/.exec(await line())?.[1]);
  t.equal(await line(), "1-1 hid-msr 1209:0001 serial number A1");
  t.equal(await line(), "1-2 magtek 0801:0011 serial number none");
  t.equal(await line(), "1-3 lines 1d50:6018 serial number none");
  t.equal(await line(), "1-4 keyboard 1d50:6019 serial number K1");
  const client = await UsbipClient.attach(port, "1-1");
  client.submit(1, 255);
  type("1-1 swipe");
  t.match(await client.reply(), { status: 0, length: 232 });
  t.equal(await line(), "1-1 swiped visa-no-pin");
  type("1-1 unplug");
  t.equal(await line(), "1-1 unplugged");
  await client.closed();
  type("1-1 plug 2-1");
  t.equal(await line(), "2-1 plugged in");
  const again = await UsbipClient.attach(port, "2-1");
  again.submit(1, 255);
  type("2-1 stall");
  t.match(await again.reply(), { status: -32 });
  t.equal(await line(), "2-1 stalls");
  const script = join(t.testdir(), "script.json");
  writeFileSync(
    script,
    '{"about":"Waits.","seed":1,"steps":[{"do":"wait","ms":1}],"outcomes":{"hid-msr":["connected"]}}',
  );
  type(`2-1 play ${script}`);
  t.equal(await line(), `2-1 played ${script}: connected`);
  const unplayable = ["2-1 play", "2-1 play /nowhere.json", `2-1 play ${bin}`];
  for (const wrong of ["1-1 swipe", "2-1 swipe nobody", "2-1 dance", "1-2 plug 2-1", ...unplayable]) {
    type(wrong);
    t.match(await complaint(), /nothing was done/, wrong);
  }
  t.equal(await end(), 1);
});

t.test("a MagTek reader that is set to its other interface comes back as it", async (t) => {
  const { line } = start(t, "--usbip", "--port", "0", "--device", "magtek:M1", "--clear");
  const port = Number(/127\.0\.0\.1:(\d+);/.exec(await line())?.[1]);
  t.equal(await line(), "1-1 magtek 0801:0011 serial number M1");
  const client = await UsbipClient.attach(port, "1-1");
  const ask = async (request: Uint8Array) => {
    const data = new Uint8Array(60);
    data.set(request);
    await client.control({ type: 0x21, request: 9, value: 0x0300, data });
    return (await client.control({ type: 0xa1, request: 1, value: 0x0300, length: 60 })).data[0];
  };
  t.equal(await ask(setProperty.encodeRequest({ property: "interface type", value: Uint8Array.of(1) })), 0);
  t.equal(await ask(reset.encodeRequest()), 0);
  t.equal(await line(), "1-1 began anew as keyboard; attach it again");
  await client.closed();
  t.match(await (await UsbipClient.connect(port)).import("1-1"), { status: 0, ids: "08010001" });
});

t.test("a reader that plays a script keeps no other from what it is told", async (t) => {
  const { type, line, end } = start(t, "--usbip", "--port", "0", "--device", "hid-msr:A1", "--device", "hid-msr:A2");
  for (let lines = 0; lines < 3; lines++) await line();
  const script = join(t.testdir(), "script.json");
  writeFileSync(script, '{"about":"Waits.","seed":1,"steps":[{"do":"wait","ms":600}],"outcomes":{}}');
  type(`1-1 play ${script}`);
  type("1-1 unplug");
  type("1-2 unplug");
  t.equal(await line(), "1-2 unplugged");
  t.match(await line(), /^1-1 played /);
  t.equal(await line(), "1-1 unplugged");
  t.equal(await end(), 0);
});

t.test("says what is wrong with the command line", async (t) => {
  for (const args of [
    [],
    ["--usbip", "--link", "/tmp/x"],
    ["--usbip", "--device", "toaster"],
    ["--usbip", "--device", "lines=1D50:6018"],
  ]) {
    const { complaint, end } = start(t, ...args);
    t.match(await complaint(), /error/, args.join(" "));
    t.equal(await end(), 2);
  }
});
