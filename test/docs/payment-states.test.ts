import { readFileSync } from "node:fs";
import { progressNames } from "@swipewire/gateway/payments/states";
import t from "tap";
import { PAYMENTS_PAGE, renderPaymentsPage } from "./payment-states.ts";

t.test(
  "the drawing of a payment's states is that of the table the code runs on (npm run docs writes it)",
  async (t) => {
    const page = readFileSync(PAYMENTS_PAGE, "utf8");
    t.equal(page, renderPaymentsPage(page));
    for (const state of progressNames) t.match(page, `  ${state} --> `);
  },
);
