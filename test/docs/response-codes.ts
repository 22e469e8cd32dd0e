import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { payerWords, type ResponseAction, responseCodes } from "@swipewire/protocol/iso8583/response-codes";

export const ACQUIRER_PAGE = join(import.meta.dirname, "../../gateway/acquirer/README.md");

const BEGIN = "<!-- Made from response-codes.ts by `npm run docs`. -->";
const END = "<!-- End of what is made from response-codes.ts. -->";

const ACTIONS: Readonly<Record<ResponseAction, string>> = {
  approved: "paid",
  declined: "over",
  retry: "once more, after 3 s",
  "enter-pin-again": "the PIN is asked for once more",
  "sign-on": "sign on; then once more, where no PIN is gone by that",
  reverse: "reversal",
};

/** The page with its table as the table of response codes has it now. */
export function renderAcquirerPage(page: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error("the page has lost its marks");
  return `${before}${BEGIN}\n\n${tables()}\n\n${END}${after}`;
}

function tables(): string {
  const codes = Object.entries(responseCodes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { meaning, follows, reason }]) => `| ${code} | ${meaning} | ${ACTIONS[follows]} | ${named(reason)} |`);
  const words = Object.entries(payerWords).map(([reason, text]) => `| \`${reason}\` | ${text} |`);
  return [
    "| code | the bank says | what follows | reason |",
    "| --- | --- | --- | --- |",
    ...codes,
    "",
    "| reason | the payer is told |",
    "| --- | --- |",
    ...words,
  ].join("\n");
}

const named = (reason?: string) => (reason === undefined ? "" : `\`${reason}\``);

if (import.meta.main) writeFileSync(ACQUIRER_PAGE, renderAcquirerPage(readFileSync(ACQUIRER_PAGE, "utf8")));
