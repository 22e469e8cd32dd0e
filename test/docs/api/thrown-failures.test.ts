import t from "tap";
import ts from "typescript";
import { ThrownFailures } from "./thrown-failures.ts";

const ERRORS = `
declare const failure: any;
export class TooLong extends failure("too_long", { what: "It is too long." }) {}
export class TooShort extends failure("too_short", { what: "It is too short." }) {}
`;

/** What is said of a file that imports both failures. */
function findings(source: string): string[] {
  const files = new Map([
    ["/errors.ts", ERRORS],
    ["/api.ts", `import { TooLong, TooShort } from "./errors.ts";\n${source}`],
  ]);
  const options: ts.CompilerOptions = { noLib: true, allowImportingTsExtensions: true, target: ts.ScriptTarget.ESNext };
  const program = ts.createProgram([...files.keys()], options, {
    ...ts.createCompilerHost(options),
    fileExists: (name) => files.has(name),
    readFile: (name) => files.get(name),
    getSourceFile: (name, target) => {
      const text = files.get(name);
      return text === undefined ? undefined : ts.createSourceFile(name, text, target, true);
    },
  });
  const failures = new ThrownFailures(program);
  return [
    ...failures.unnamed().map(({ name, failures }) => `${name}: ${failures.join(" | ")}`),
    ...failures.unknown().map(({ name }) => `? ${name}`),
  ];
}

t.test("a failure that leaves an exported function has to be named", async (t) => {
  t.same(findings("export function f() { throw new TooLong(); }"), ["f: TooLong"]);
  t.same(findings("/** Cuts. @throws TooShort */ export const f = () => { throw new TooLong(); };"), ["f: TooLong"]);
  t.same(findings("export class C { m() { throw new TooLong(); } }"), ["C.m: TooLong"]);
  t.same(
    findings(
      "/**\n * Cuts.\n * @throws TooShort when cut |\n * TooLong\n */ export function f() { throw new TooLong(); }",
    ),
    [],
  );
  t.same(findings("/** @throws a `too_*` failure */ export function f() { throw new TooLong(); }"), []);
});

t.test("calls are followed, to documented functions by what they say", async (t) => {
  t.same(findings("function g() { throw new TooLong(); } export function f() { [1].map(() => g()); }"), ["f: TooLong"]);
  t.same(findings("interface I {\n/** @throws TooShort */\nm(): void } export const f = (i: I) => i.m();"), [
    "f: TooShort",
  ]);
  t.same(findings("/** @throws TooLong */ function g() {} export function f() { try { g(); } catch {} }"), []);
  t.same(
    findings("/** @throws TooLong */ function g() {} export function f() { try { g(); } catch (e) { throw e; } }"),
    ["f: TooLong"],
  );
});

t.test("what never returns throws what it is given", async (t) => {
  t.same(findings("declare const fail: (e: any) => never; export const f = () => fail(new TooLong());"), [
    "f: TooLong",
  ]);
  t.same(findings("declare const make: (e: any) => void; export const f = () => make(new TooLong());"), []);
});

t.test("a name that no failure has", async (t) => {
  t.same(findings("/** @throws TooLong | TooWide */ export function f() {}"), ["? TooWide"]);
});
