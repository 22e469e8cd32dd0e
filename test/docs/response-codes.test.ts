import { readFileSync } from "node:fs";
import { payerWords, responseCodes } from "@swipewire/protocol/iso8583/response-codes";
import t from "tap";
import vectors from "../fixtures/unionpay-8583.json" with { type: "json" };
import { ACQUIRER_PAGE, renderAcquirerPage } from "./response-codes.ts";

t.test("the table of response codes is the one the code runs on (npm run docs writes it)", async (t) => {
  const page = readFileSync(ACQUIRER_PAGE, "utf8");
  t.equal(page, renderAcquirerPage(page));
  t.match(page, "| 51 | insufficient funds | over | `insufficient_funds` |");
});

t.test("the codes are those of the published list, with its meanings", async (t) => {
  const words = (text: string) => text.replace(/[(),]/g, "");
  t.strictSame(Object.keys(responseCodes).sort(), Object.keys(vectors.response_codes).sort());
  for (const [code, published] of Object.entries(vectors.response_codes)) {
    t.ok(words(published).startsWith(words(responseCodes[code]?.meaning ?? "none")), code);
  }
});

t.test("every code but an approval has a reason, and every reason has a code", async (t) => {
  const rows = Object.values(responseCodes);
  t.ok(rows.every(({ follows, reason }) => (follows === "approved") === (reason === undefined)));
  t.same(new Set(rows.flatMap(({ reason }) => reason ?? [])), new Set(Object.keys(payerWords)));
});
