import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";

const bin = join(import.meta.dirname, "../../simulator/bin/swipewire-sim.js");

t.test("cards lists the test cards, and those of one scheme", async (t) => {
  const cards = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [bin, "cards", ...args]);
    return stdout.trim().split("\n").slice(1);
  };
  t.match(await cards("--scheme", "unionpay"), [
    /^unionpay-debit +UnionPay +16 +123456 +1, 2 /,
    /^unionpay-credit /,
    /^unionpay-debit-19 +UnionPay +19 +111222 +2, 3 /,
    /^unionpay-no-expiry /,
  ]);
  t.match(
    (await cards()).find((line) => line.startsWith("jcb")),
    /^jcb +JCB +16 +none /,
  );
  await t.rejects(cards("--scheme", "gold"), { code: 2, stderr: /no test card is of a scheme/ });
});
