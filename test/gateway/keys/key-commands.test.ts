import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { inspect } from "node:util";
import { makeDataDirectory } from "@swipewire/gateway/config/data-directory";
import { readConfig } from "@swipewire/gateway/config/read-config";
import { addKeyCommands } from "@swipewire/gateway/keys/command";
import { systemRandom } from "@swipewire/protocol/random";
import { systemClock } from "@swipewire/protocol/time";
import { Command } from "commander";
import t, { type Test } from "tap";
import keyBlocks from "../../fixtures/key-blocks.json" with { type: "json" };
import { seededRandom } from "../../seeded-random.ts";

const cli = join(import.meta.dirname, "../../../gateway/bin/swipewire-gateway.js");
const services = { clock: systemClock, random: systemRandom };

/** Runs the commands with lines piped to them; `code` is of the failure they end in. */
async function gateway(t: Test, terminals: { terminal: string; name: string }[] = []) {
  const { config } = await makeDataDirectory(join(t.testdir(), "gw"), services);
  return async (args: string, lines: readonly string[] = []) => {
    let out = "";
    const output = new PassThrough();
    const asked = buffer(output);
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
    addKeyCommands(program, {
      ...services,
      command: (parent, name, description) =>
        parent.command(name).description(description).option("--config <file>", "", config),
      configOf: (flags) => readConfig({ file: flags.config, environment: {} }),
      say: (line) => {
        out += `${line}\n`;
      },
      input: Readable.from([Buffer.from(lines.map((line) => `${line}\n`).join(""))]),
      output,
      terminalsNotSealingTo: async () => terminals,
    });
    const failure = await program.parseAsync(["keys", ...args.split(" ")], { from: "user" }).then(
      () => undefined,
      (error: unknown) => error,
    );
    output.end();
    const { code, message } = (failure ?? {}) as { code?: string; message?: string };
    return { out, all: `${out}${await asked}${inspect(failure)}`, code, message };
  };
}

/** Odd parity, and 0123456789ABCDEFFEDCBA9876543210 when XORed; check values by openssl enc -des-ede -nopad. */
const A = "1C40DA7F6B3E9D5207B0F8C4E391A826";
const KEY = "0123456789ABCDEFFEDCBA9876543210";
const xored = (a: string, b: string) => {
  const [left, right] = [Buffer.from(a, "hex"), Buffer.from(b, "hex")];
  return Buffer.from(left.map((byte, i) => byte ^ (right[i] ?? 0)))
    .toString("hex")
    .toUpperCase();
};

t.test("a key from components, each with the check value on its form", async (t) => {
  const keys = await gateway(t);
  const enter = "enter --name readers --use base-derivation --type tdes --ksn-prefix FFFF98 --any-parity";
  const B = xored(A, KEY);
  const probe = await keys(enter, [A, "000000"]);
  t.match(probe, { code: "key_check_value_wrong", message: /component 1/ });
  const printed = async (component: string) =>
    /1: check value (\w{6})/.exec(
      (await keys(enter.replace("readers", "probe").replace("FFFF98", "FF"), [component])).out,
    )?.[1] ?? "";
  const [first, second] = [await printed(A), await printed(B)];
  const done = await keys(`${enter} --check-value 08D7B4`, [A, first, B.toLowerCase(), second.slice(0, 4)]);
  t.match(done, { code: undefined, out: /Combined: check value 08D7B4/ }, "the published key's");
  const list = await keys("list");
  t.match(list.out, /readers +base-derivation +TDES-128 +08D7B4 +FFFF98/);
  for (const { all } of [probe, done, list]) t.notMatch(all, new RegExp(`${A}|${B}|${KEY}`, "i"));

  const again = enter.replace("readers", "more").replace("FFFF98", "FFFF99");
  const flat = xored(A, "44".repeat(16));
  for (const [what, code, args, lines] of [
    ["a short component", "key_component_malformed", again, [A.slice(2)]],
    ["a long one", "key_component_malformed", again, [`${A}00`]],
    ["one that is no hex", "key_component_malformed", again, [`${A.slice(1)}g`]],
    ["even parity", "key_parity_wrong", again.replace(" --any-parity", ""), [A.replace(/^1C/, "1D")]],
    ["a weak one", "key_weak", again, ["01".repeat(16)]],
    ["equal ones", "key_components_equal", again, [A, first, A]],
    ["a weak sum", "key_weak", again, [A, first, flat, await printed(flat)]],
    ["the check value of another key", "key_check_value_wrong", `${again} --check-value FFFFFF`, [A, first, B, second]],
    ["no check value", "key_check_value_wrong", again, [A, ""]],
    ["an end too soon", "key_entry_aborted", again, [A, first]],
    ["a name that is taken", "key_name_taken", enter, []],
  ] as const) {
    t.equal((await keys(args, lines)).code, code, what);
  }
  t.equal((await keys("list")).out.trim().split("\n").length, 4, "nothing of these was kept");

  const C = "8CEF256E4A73B9D0E62A1F57DC9B3804";
  const three = `${again} --components 3 --check-value 08D7B4`;
  const rest = xored(B, C);
  const lines = [A, first, C, await printed(C), rest, await printed(rest)];
  t.match(await keys(three, lines), { code: undefined, out: /Combined: check value 08D7B4/ });
});

t.test("at a keyboard nothing of a component is shown", { skip: !existsSync("/usr/bin/script") }, async (t) => {
  const { config } = await makeDataDirectory(join(t.testdir(), "gw"), services);
  const command = `${process.execPath} ${cli} keys enter --config ${config} --name bank --use terminal-master --type tdes --any-parity`;
  const child = spawn("script", ["-qec", command, "/dev/null"], { stdio: "pipe" });
  const answers = [`${A}x\x7f\r`, "0\x7f00000\r"];
  const questions = ["not shown: ", "on the form: "];
  let shown = "";
  child.stdout.on("data", (chunk) => {
    shown += chunk;
    const [question = "\0"] = questions;
    if (!shown.endsWith(question)) return;
    questions.shift();
    child.stdin.write(answers.shift() ?? "");
  });
  await once(child, "exit");
  t.match(shown, /Component 1: check value [0-9A-F]{6}/);
  t.match(shown, "(component 1)");
  t.notOk(shown.includes(A.slice(0, 4)), shown);
});

t.test("blocks in and out, removal, rotation", async (t) => {
  const terminals: { terminal: string; name: string }[] = [];
  const keys = await gateway(t, terminals);
  const done = async (args: string, lines: readonly string[] = []) => {
    const { code, out } = await keys(args, lines);
    t.equal(code, undefined, args);
    return out;
  };
  const refused = async (code: string, args: string, lines: readonly string[] = []) =>
    t.equal((await keys(args, lines)).code, code, args);
  await done("generate --name kbpk --use key-block-protection --type aes-256");
  const readers = "--use base-derivation --ksn-prefix 12345678";
  await done(`generate --name r1 ${readers} --type aes-128`);
  const block = (await done("export --name r1 --kbpk kbpk")).trim();
  t.match(block, /^D0144B0AX00E0000[0-9A-F]{128}$/);
  const checkValue = /r1 .*AES-128 +(\w{6})/.exec(await done("list"))?.[1] ?? "";
  await refused("key_entry_aborted", "remove --name r1", ["r2"]);
  await done("remove --name r1", ["r1"]);
  await refused("key_unknown", "remove --name r1 --yes");
  t.ok((await done(`import --name r1 ${readers} --kbpk kbpk`, [block])).includes(checkValue));

  const published = keyBlocks.unwrap.find(({ id }) => id === "test1_tr31_format_b");
  const bank = "import --name bank --use terminal-master";
  const lines = [published?.keyBlock ?? ""];
  await refused("key_length", `${bank} --kbpk kbpk`, lines);
  await refused("key_unsuitable", `${bank} --kbpk r1`, lines);
  await refused("key_entry_aborted", bank, lines);
  // Its KBPK, brought in two halves.
  const entered = `${bank} --kbpk-type tdes --any-parity --allow-weak`;
  const half = xored(A, published?.kbpk ?? "");
  const printed = async (component: string) =>
    /1: check value (\w{6})/.exec((await keys(entered, [...lines, component])).out)?.[1] ?? "";
  const first = [...lines, A, await printed(A)];
  t.match(await done(entered, [...first, half, await printed(half)]), `check value ${published?.kcv}`);
  await done("remove --name bank --yes");
  await refused("key_block_mac_invalid", entered, [...first, KEY, await printed(KEY)]);

  const live = async () => (await done("list")).split("\n").filter((line) => line.includes(" envelope ")).length;
  await refused("envelope_key_last", "retire --yes");
  await done("rotate");
  t.equal(await live(), 2);
  await refused("envelope_keys_two", "rotate");
  terminals.push({ terminal: "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e", name: "Counter 1" });
  const older = /^(\S+) +envelope/m.exec(await done("list"))?.[1] ?? "";
  const kept = await keys("retire --yes");
  t.match(kept, { code: "envelope_key_in_use", out: /5b1d2c3e.* Counter 1/ });
  await refused("envelope_key_in_use", `remove --yes --name ${older}`);
  await done("retire --yes --force");
  t.equal(await live(), 1);
  t.notMatch(await done("list"), older);
  await done("rotate");
  terminals.pop();
  await done("retire --yes");
  const before = await done("list");
  await refused("key_entry_aborted", "passphrase", ["correct horse battery", "correct horse batterie"]);
  const changed = await keys("passphrase", ["correct horse battery", "correct horse battery"]);
  t.match(changed, { code: undefined, out: /keys\.secret: the passphrase from now on/ });
  t.notMatch(changed.all, "horse");
  t.equal(await done("list"), before);
  await done("passphrase --random");
  t.equal(await done("list"), before);
  await refused("key_file_exists", "init");
  await refused("commander.invalidArgument", "generate --name x --use envelope --type aes-128");
});

t.test("a thumbprint may begin as an option of the program does", async (t) => {
  // This seed's envelope key is one of 4,096 with such a thumbprint.
  const seeded = { clock: systemClock, random: seededRandom(1645) };
  const { config } = await makeDataDirectory(join(t.testdir(), "gw"), seeded);
  const keys = (...args: string[]) =>
    spawnSync(process.execPath, [cli, "keys", ...args, "--config", config], { encoding: "utf8" });
  const [, name = ""] = /^(-V\S{41}) +envelope /m.exec(keys("list").stdout) ?? [];
  t.not(name, "");
  t.match(keys("export", "--name", name, "--kbpk", name), { status: 1, stderr: /does not leave/ });
  t.match(keys("rotate"), { status: 0 });
  t.match(keys("remove", "--yes", "--name", name), { status: 0, stdout: `envelope ${name}` });
  t.notMatch(keys("list").stdout, name);
});
