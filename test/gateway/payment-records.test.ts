import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeDataDirectory } from "@swipewire/gateway/config/data-directory";
import { printPayment } from "@swipewire/gateway/payments/payment-records";
import { systemRandom } from "@swipewire/protocol/random";
import { systemClock } from "@swipewire/protocol/time";
import t from "tap";
import { paymentFloor } from "./payment-floor.ts";

t.test("an operator reads the whole life of a payment, and what was sent to the bank for it", async (t) => {
  const f = await paymentFloor(t);
  const { order } = await f.placeOrder();
  f.bank.plan = { decline: "55" };
  const payment = await f.submit(order, { pin: true });
  await f.type("1111#");
  t.match(await f.records.list(), [{ payment, state: "calling" }]);
  f.bank.plan = "approve";
  await f.type("1234#");
  t.same(await f.records.list(), [], "only what is under way");
  t.match(await f.records.list({ all: true }), [{ payment, order, state: "approved", amount: 1_250 }]);
  t.same(
    (await printPayment(f.records, payment)).map((line) => line.replace(/^20\S+Z/, "when").trimEnd()),
    [
      `payment  ${payment}`,
      `order    ${order}`,
      "amount   1250 CNY (minor units)",
      "card     411111******1111, Visa",
      "state    approved",
      "",
      "when                      from        to          cause",
      "when  -           accepted    swipe_submitted",
      "when  accepted    calling     card_with_pin",
      "when  calling     collecting  call_answered",
      "when  collecting  charging    pin_entered",
      "when  charging    calling     pin_wrong",
      "when  calling     collecting  call_answered",
      "when  collecting  charging    pin_entered",
      "when  charging    approved    bank_approved",
      "",
      "when                      batch   trace   sent           at the bank",
      "when  000001  000001  purchase       declined",
      "when  000001  000002  purchase       approved, reference 000000000001",
    ],
  );
  await t.rejects(f.records.find("nobody's"), { code: "payment_unknown" });
});

t.test("the command line lists, shows and settles payments", async (t) => {
  const { config } = await makeDataDirectory(join(t.testdir(), "data"), { clock: systemClock, random: systemRandom });
  const cli = join(import.meta.dirname, "../../gateway/bin/swipewire-gateway.js");
  const payment = (...args: string[]) =>
    promisify(execFile)(process.execPath, [cli, "payment", ...args, "--config", config]).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    );
  t.match(await payment("list"), { code: 0, stdout: /^id +since +state +amount\n$/ });
  t.match(await payment("show", "nobody's"), { code: 1, stderr: /never heard of this payment/ });
  t.match(await payment("settle", "nobody's", "--as", "approved"), { code: 1, stderr: /never heard of this payment/ });
  t.match(await payment("settle", "nobody's", "--as", "lost"), { code: 2 });
  t.match(await payment("settle", "nobody's"), { code: 2 });
});
