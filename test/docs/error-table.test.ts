import { readFileSync } from "node:fs";
import t from "tap";
import { ERROR_TABLE, failures, renderErrorTable } from "./error-table.ts";

t.test("the table holds every error, in its present words (npm run docs writes it)", async (t) => {
  t.equal(readFileSync(ERROR_TABLE, "utf8"), await renderErrorTable());
});

t.test("no two errors share a code, and each tells what happened, what it means and what to do", async (t) => {
  const all = await failures();
  t.ok(all.length > 0);
  t.equal(new Set(all.map(({ failure }) => failure.code)).size, all.length);
  for (const { name, failure } of all) {
    t.match(failure.code, /^[a-z][a-z0-9_]{2,63}$/, name);
    for (const sentence of [failure.text.what, failure.text.means, failure.text.todo]) {
      t.match(sentence, /^[A-Z0-9].*[.?]$/s, `${name}: ${sentence}`);
    }
  }
});

t.test("an error carries its code, its words and its detail", async (t) => {
  for (const { failure: Failure, name } of await failures()) {
    const error = new Failure({ detail: "field 35" });
    t.equal(error.code, Failure.code);
    t.equal(error.message, `${Failure.text.what} (field 35)`);
    t.equal(error.name, name);
  }
});
