import ts from "typescript";

export interface DeclaredFailure {
  readonly name: string;
  readonly code: string;
  /** What happened, what it means, what to do. */
  readonly sentences: readonly string[];
}

/** The classes of a file that `failure(code, text)` makes. */
export function declaredFailures(file: ts.SourceFile): DeclaredFailure[] {
  return file.statements.flatMap((declaration) => {
    if (!ts.isClassDeclaration(declaration)) return [];
    const base = declaration.heritageClauses?.[0]?.types[0]?.expression;
    if (!base || !ts.isCallExpression(base) || base.expression.getText() !== "failure") return [];
    const [code, text] = base.arguments;
    if (!declaration.name || !code || !ts.isStringLiteral(code) || !text || !ts.isObjectLiteralExpression(text))
      return [];
    const sentences = text.properties.flatMap((property) =>
      ts.isPropertyAssignment(property) && ts.isStringLiteral(property.initializer) ? [property.initializer.text] : [],
    );
    return [{ name: declaration.name.text, code: code.text, sentences }];
  });
}

const THROWS = /@throws\s([\s\S]*?)(?=\s@[a-z]|\*\/)/g;
/** An error's class, as no English word is written. */
export const CLASS_NAME = /\b[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+\b/g;
const CODE_PREFIX = /`([a-z0-9_]+_)\*`/g;

/** Not passed on: a fault in a program, and whole blocks, which whoever calls a cipher sees to. */
const NOT_PASSED_ON = ["SensitiveBytesWiped", "CiphertextLength"];

/** What a function can't throw, though one that it calls can: it gives it nothing to refuse. */
const RULED_OUT: Readonly<Record<string, readonly string[]>> = {
  "DukptTerminal.next": ["KeyLength", "KsnInvalid"],
  decryptAesReaderBlockBy: ["KeyTooWeak"],
  decodePinBlockFormat1: ["PinBlockPan"],
  decodePinBlockFormat2: ["PinBlockPan"],
  compileDialect: ["Iso8583LengthInvalid"],
  compilePosDialect: ["Iso8583LengthInvalid"],
  // Its codec does.
  hidMsr: ["ReaderFrameField"],
  // What it is handed turns them into one of its own.
  verifySealingKeys: ["MessageInvalid", "MessageNotJson", "MessageTooLarge"],
};

/** What leaves a function as an exception, and what its docstring says of it. */
export class ThrownFailures {
  readonly #checker: ts.TypeChecker;
  readonly #files: readonly ts.SourceFile[];
  readonly #codes: ReadonlyMap<string, string>;
  readonly #thrown = new Map<ts.Node, ReadonlySet<string>>();

  constructor(program: ts.Program) {
    this.#checker = program.getTypeChecker();
    this.#files = program.getSourceFiles().filter((file) => !file.isDeclarationFile);
    this.#codes = new Map(this.#files.flatMap(declaredFailures).map(({ name, code }) => [name, code]));
  }

  /**
   * Exported functions with failures that their docstrings don't name. Followed are `throw` and calls, those of documented
   * functions by what they say; not followed is a failure that comes in as a value.
   */
  unnamed(): { readonly of: ts.Node; readonly name: string; readonly failures: readonly string[] }[] {
    return this.#files.flatMap((file) =>
      exportedFunctions(file, this.#checker).flatMap(({ name, body }) => {
        const named = this.#named(body);
        const failures = [...this.#thrownBy(body)]
          .filter((failure) => !named.has(failure) && !RULED_OUT[name]?.includes(failure))
          .sort();
        return failures.length > 0 ? [{ of: body, name, failures }] : [];
      }),
    );
  }

  /** Names in `@throws` that no failure has, nor an error of JavaScript. */
  unknown(): { readonly of: ts.SourceFile; readonly name: string }[] {
    return this.#files.flatMap((file) =>
      [...file.text.matchAll(THROWS)]
        .flatMap(([, text = ""]) => [...text.matchAll(CLASS_NAME)])
        .filter(([name]) => !this.#codes.has(name) && !(name in globalThis))
        .map(([name]) => ({ of: file, name })),
    );
  }

  #named(declaration: ts.Node): Set<string> {
    const documented = ts.isFunctionTypeNode(declaration) ? declaration.parent : declaration;
    const name = ts.isFunctionDeclaration(documented) ? documented.name : undefined;
    const overloads = (name && this.#checker.getSymbolAtLocation(name)?.declarations) ?? [documented];
    const text = overloads
      .flatMap(ts.getJSDocCommentsAndTags)
      .map((comment) => comment.getText())
      .join("\n");
    const names = new Set<string>();
    for (const [, said = ""] of text.matchAll(THROWS)) {
      for (const [name] of said.matchAll(CLASS_NAME)) if (this.#codes.has(name)) names.add(name);
      for (const [, prefix = ""] of said.matchAll(CODE_PREFIX)) {
        for (const [name, code] of this.#codes) if (code.startsWith(prefix)) names.add(name);
      }
    }
    return names;
  }

  #thrownBy(declaration: ts.SignatureDeclaration | ts.JSDocSignature): ReadonlySet<string> {
    const known = this.#thrown.get(declaration);
    if (known) return known;
    const thrown = new Set<string>();
    this.#thrown.set(declaration, thrown);
    if ("body" in declaration && declaration.body) this.#follow(declaration.body, thrown);
    return thrown;
  }

  #follow(node: ts.Node, into: Set<string>): void {
    if (ts.isFunctionLike(node) && !runsHere(node)) return;
    if (ts.isTryStatement(node) && node.catchClause) {
      const caught = node.catchClause.variableDeclaration?.name.getText();
      if (caught && rethrows(node.catchClause.block, caught)) this.#follow(node.tryBlock, into);
      this.#follow(node.catchClause.block, into);
      if (node.finallyBlock) this.#follow(node.finallyBlock, into);
      return;
    }
    if (ts.isThrowStatement(node)) this.#addTypeOf(node.expression, into);
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const signature = this.#checker.getResolvedSignature(node);
      // What never returns throws what it is given.
      if (signature && this.#checker.getReturnTypeOfSignature(signature).flags & ts.TypeFlags.Never) {
        for (const argument of node.arguments ?? []) this.#addTypeOf(argument, into);
      }
      const called = signature?.declaration;
      if (called && this.#files.includes(called.getSourceFile())) {
        const named = this.#named(called);
        for (const name of named) if (!NOT_PASSED_ON.includes(name)) into.add(name);
        if (named.size === 0) for (const name of this.#thrownBy(called)) into.add(name);
      }
    }
    ts.forEachChild(node, (child) => this.#follow(child, into));
  }

  #addTypeOf(thrown: ts.Expression, into: Set<string>): void {
    const name = this.#checker.getTypeAtLocation(thrown).symbol?.name;
    if (name !== undefined && this.#codes.has(name)) into.add(name);
  }
}

/** A function that is handed to another or back to the caller; methods of an object it makes have docstrings of their own. */
const runsHere = ({ parent }: ts.Node) =>
  ts.isCallExpression(parent) ||
  ts.isNewExpression(parent) ||
  ts.isReturnStatement(parent) ||
  ts.isArrowFunction(parent);

function rethrows(node: ts.Node, caught: string): boolean {
  if (ts.isThrowStatement(node) && node.expression.getText() === caught) return true;
  return ts.forEachChild(node, (child) => rethrows(child, caught)) ?? false;
}

function exportedFunctions(file: ts.SourceFile, checker: ts.TypeChecker) {
  const module = checker.getSymbolAtLocation(file);
  const found: { name: string; body: ts.SignatureDeclaration }[] = [];
  for (const symbol of module ? checker.getExportsOfModule(module) : []) {
    for (const declaration of symbol.declarations ?? []) {
      if (ts.isFunctionDeclaration(declaration)) found.push({ name: symbol.name, body: declaration });
      if (
        ts.isVariableDeclaration(declaration) &&
        declaration.initializer &&
        ts.isArrowFunction(declaration.initializer)
      ) {
        found.push({ name: symbol.name, body: declaration.initializer });
      }
      if (!ts.isClassDeclaration(declaration)) continue;
      for (const member of declaration.members) {
        if (!ts.isFunctionLike(member) || (member.name && ts.isPrivateIdentifier(member.name))) continue;
        found.push({ name: `${symbol.name}.${member.name?.getText() ?? "constructor"}`, body: member });
      }
    }
  }
  return found;
}
