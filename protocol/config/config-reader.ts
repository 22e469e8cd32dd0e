import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import type Type from "typebox";

/** Where settings come from; the environment goes before the file. */
export interface ConfigSources {
  /** The config file, if there is one; its `name` is for the problems. */
  readonly file?: { readonly name: string; readonly text: string };
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The config, or what is wrong: a line each, of file or variable, field, what was given and what is allowed. */
export type ConfigReading<C> = { readonly config: C } | { readonly problems: readonly string[] };

/** What is wrong with a setting that fits its schema. */
export interface ConfigProblem {
  /** Dotted, as `http.port`. */
  readonly path: string;
  readonly text: string;
}

/** What a program adds to its schema. */
export interface ConfigReaderOptions<C> {
  /** Of the program's variables, with its underscore. */
  readonly prefix: string;
  /** What `format` in the schema means, beside `url`. */
  readonly formats?: Readonly<Record<string, (text: string) => boolean>>;
  /** What the schema cannot say; asked only where the schema has nothing to say. */
  readonly check?: (config: C) => readonly ConfigProblem[];
}

/**
 * A reader of a program's config: the file, and over it the environment, checked and with the schema's defaults.
 *
 * The schema names the variables: under the prefix `X_`, `http.publicUrl` is `X_HTTP_PUBLIC_URL`. A list is separated by
 * commas, a list of objects is JSON; `X_CONFIG` is left to name the file. Each `description` in the schema finishes the
 * sentence "allowed: …", and what is `writeOnly` (JSON Schema 2020-12 Validation 9.4) is never shown.
 *
 * @returns a function that never throws over what it is given: it tells every problem at once
 */
export function configReader<S extends Type.TSchema>(
  schema: S,
  { prefix, formats = {}, check = () => [] }: ConfigReaderOptions<Type.Static<S>>,
): (sources: ConfigSources) => ConfigReading<Type.Static<S>> {
  const validate = new Ajv2020({
    allErrors: true,
    verbose: true,
    useDefaults: true,
    discriminator: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    formats: { url: (text) => URL.canParse(text), ...formats },
  }).compile(schema);
  const variables = new Map([...leaves(schema)].map(([path, node]) => [variableFor(prefix, path), { path, node }]));

  return ({ file, environment }) => {
    const parsed = parseFile(file?.text ?? "{}");
    if ("problem" in parsed) return { problems: [`${file?.name}: ${parsed.problem}`] };
    const { settings } = parsed;
    const problems: string[] = [];
    const setBy = new Map<string, string>();
    for (const [variable, text] of Object.entries(environment)) {
      if (!variable.startsWith(prefix) || variable === `${prefix}CONFIG` || text === undefined) continue;
      const known = variables.get(variable);
      if (known) {
        set(settings, known.path.split("."), fromText(text, known.node));
        setBy.set(known.path, variable);
      } else {
        problems.push(`${variable}: there is no such variable; allowed: ${[...variables.keys()].join(", ")}`);
      }
    }
    const sourceOf = (path: string) =>
      [...setBy].find(([field]) => path === field || path.startsWith(`${field}.`))?.[1] ?? file?.name ?? "config";
    if (!validate(settings)) return { problems: [...problems, ...explain(validate.errors ?? [], sourceOf)] };
    // The schema's own type is what `validate` has just established.
    const config = settings as Type.Static<S>;
    problems.push(...check(config).map(({ path, text }) => `${sourceOf(path)}: ${path}: ${text}`));
    return problems.length > 0 ? { problems } : { config };
  };
}

type Settings = Record<string, unknown>;

interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly writeOnly?: boolean;
  readonly properties?: Readonly<Record<string, object>>;
  readonly items?: { readonly type?: string };
  readonly oneOf?: readonly object[];
}

const isSettings = (value: unknown): value is Settings =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The settings that are no objects, by their dotted path. */
function* leaves(schema: object, path: readonly string[] = []): Generator<[string, SchemaNode]> {
  const node: SchemaNode = schema;
  if (node.oneOf) for (const branch of node.oneOf) yield* leaves(branch, path);
  else if (node.properties) {
    for (const [name, child] of Object.entries(node.properties)) yield* leaves(child, [...path, name]);
  } else yield [path.join("."), node];
}

const variableFor = (prefix: string, path: string) =>
  prefix +
  path
    .replaceAll(/[A-Z]/g, (capital) => `_${capital}`)
    .replaceAll(".", "_")
    .toUpperCase();

function parseFile(text: string): { readonly settings: Settings } | { readonly problem: string } {
  try {
    const settings: unknown = JSON.parse(text);
    return isSettings(settings) ? { settings } : { problem: `got ${shown(settings)}; allowed: a JSON object` };
  } catch (error) {
    return { problem: `is not JSON${placeOf(error, text)}` };
  }
}

/** The parser's own message quotes the text, which may hold a password: only the place is taken from it. */
function placeOf(error: unknown, text: string): string {
  const position = /position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
  if (position === undefined) return "";
  const before = text.slice(0, Number(position)).split("\n");
  return ` (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})`;
}

/** A value that is not of its type stays text, for the schema to refuse. */
function fromText(text: string, { type, items }: SchemaNode): unknown {
  if (type === "integer" && /^-?\d+$/.test(text)) return Number(text);
  if (type === "boolean" && /^(true|false)$/.test(text)) return text === "true";
  if (type !== "array") return text;
  if (items?.type !== "object") {
    return text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function set(settings: Settings, [name = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    settings[name] = value;
    return;
  }
  settings[name] ??= {};
  const inner = settings[name];
  // What the file has there instead of an object is for the schema to refuse.
  if (isSettings(inner)) set(inner, rest, value);
}

/** A line for each setting that is wrong, told once. */
function explain(errors: readonly ErrorObject[], sourceOf: (path: string) => string): string[] {
  const lines = new Map<string, string>();
  for (const error of errors) {
    // What a condition brings about is told by the error inside it.
    if (error.keyword === "if") continue;
    const { path, text } = problem(error);
    if (!lines.has(path)) lines.set(path, `${sourceOf(path)}: ${path}: ${text}`);
  }
  return [...lines.values()];
}

function problem(error: ErrorObject): { readonly path: string; readonly text: string } {
  const at = error.instancePath.slice(1).split("/").filter(Boolean);
  const node = (error.parentSchema ?? {}) as SchemaNode;
  const inner = (name: string) => [...at, name].join(".");
  switch (error.keyword) {
    case "required": {
      const name: string = error.params["missingProperty"];
      return { path: inner(name), text: `got nothing; allowed: ${allowed(node.properties?.[name] ?? node)}` };
    }
    case "additionalProperties": {
      const names = Object.keys(node.properties ?? {}).join(", ");
      return { path: inner(error.params["additionalProperty"]), text: `there is no such field; allowed: ${names}` };
    }
    case "discriminator":
      return { path: inner(error.params["tag"]), text: given(error.params["tagValue"], node) };
    default:
      return { path: at.join("."), text: given(error.data, node) };
  }
}

const given = (value: unknown, node: SchemaNode) =>
  `got ${node.writeOnly ? "a value that is not shown" : shown(value)}; allowed: ${allowed(node)}`;

function allowed({ description, properties }: SchemaNode): string {
  return description ?? (properties ? `an object with ${Object.keys(properties).join(", ")}` : "see the documentation");
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isSettings(value)) return "an object";
  // A URL may hold credentials where none are allowed.
  return JSON.stringify(value)
    .replace(/\/\/[^/@]*@/, "//…@")
    .slice(0, 80);
}
