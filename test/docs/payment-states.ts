import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { outcomes, type PaymentStateName, progressStates } from "@swipewire/gateway/payments/states";

export const PAYMENTS_PAGE = join(import.meta.dirname, "../../gateway/payments/README.md");

const BEGIN = "<!-- Made from states.ts by `npm run docs`. -->";
const END = "<!-- End of what is made from states.ts. -->";

/** The page with its drawing and tables as the table of states has them now. */
export function renderPaymentsPage(page: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error("the page has lost its marks");
  return `${before}${BEGIN}\n\n${drawing()}\n\n${tables()}\n\n${END}${after}`;
}

function drawing(): string {
  const arrows = Object.entries(progressStates).flatMap(([state, { next }]) =>
    next.map((to: PaymentStateName) => `  ${state} --> ${to}`),
  );
  const ends = Object.keys(outcomes).map((outcome) => `  ${outcome} --> [*]`);
  return ["```mermaid", "stateDiagram-v2", "  [*] --> accepted", ...arrows, ...ends, "```"].join("\n");
}

function tables(): string {
  const progress = Object.entries(progressStates).map(
    ([state, { means, limit, atLimit, afterCrash }]) =>
      `| \`${state}\` | ${means} | ${limit / 1000} s | \`${atLimit}\` | \`${afterCrash}\` |`,
  );
  const ends = Object.entries(outcomes).map(([outcome, means]) => `| \`${outcome}\` | ${means} |`);
  return [
    "| state | means | may last | then | when its process dies |",
    "| --- | --- | --- | --- | --- |",
    ...progress,
    "",
    "| outcome | means |",
    "| --- | --- |",
    ...ends,
  ].join("\n");
}

if (import.meta.main) writeFileSync(PAYMENTS_PAGE, renderPaymentsPage(readFileSync(PAYMENTS_PAGE, "utf8")));
