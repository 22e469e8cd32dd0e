import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FailureClass, SwipewireError } from "@swipewire/protocol/failure";

const ROOT = join(import.meta.dirname, "../..");
export const ERROR_TABLE = join(ROOT, "protocol/ERRORS.md");

const isFailure = (value: unknown): value is FailureClass<string> =>
  typeof value === "function" && value.prototype instanceof SwipewireError;

/** Every failure class, by the package that raises it. */
export async function failures(): Promise<{ home: string; name: string; failure: FailureClass<string> }[]> {
  const found = [];
  for (const home of ["protocol", "daemon", "gateway", "simulator"]) {
    const file = join(ROOT, home, "errors.ts");
    if (!existsSync(file)) continue;
    const exported: Record<string, unknown> = await import(file);
    for (const [name, value] of Object.entries(exported)) {
      if (isFailure(value)) found.push({ home, name, failure: value });
    }
  }
  return found.sort((a, b) => (a.failure.code < b.failure.code ? -1 : 1));
}

/** The table as `protocol/ERRORS.md` holds it. */
export async function renderErrorTable(): Promise<string> {
  const rows = (await failures()).map(
    ({ home, failure: { code, text } }) => `| \`${code}\` | ${home} | ${text.what} | ${text.means} | ${text.todo} |`,
  );
  return [
    "# Errors",
    "",
    "Every failure that Swipewire raises, by its code. Made from the classes in each package's `errors.ts` by",
    "`npm run docs`; a test keeps both in step. A message may add a detail in brackets: a place, a size or a rule, never",
    "what a card, a payer or a key holds.",
    "",
    "| code | raised by | what happened | what it means | what to do |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

if (import.meta.main) writeFileSync(ERROR_TABLE, await renderErrorTable());
