import { readFileSync } from "node:fs";
import { payerWords, responseCodes } from "@swipewire/protocol/iso8583/response-codes";
import t from "tap";
import { ACQUIRER_PAGE, renderAcquirerPage } from "./response-codes.ts";

t.test("the table of response codes is the one the code runs on (npm run docs writes it)", async (t) => {
  const page = readFileSync(ACQUIRER_PAGE, "utf8");
  t.equal(page, renderAcquirerPage(page));
  t.match(page, "| 51 | insufficient funds | over | `insufficient_funds` |");
});

t.test("every code but an approval has a reason, and every reason has a code", async (t) => {
  const rows = Object.values(responseCodes);
  t.ok(rows.every(({ follows, reason }) => (follows === "approved") === (reason === undefined)));
  t.same(new Set(rows.flatMap(({ reason }) => reason ?? [])), new Set(Object.keys(payerWords)));
});
