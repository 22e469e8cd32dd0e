import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { dirname, resolve } from "node:path";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { GatewayConfigInvalid } from "../errors.ts";
import { GatewayConfig } from "./config-schema.ts";

/** An IP address, or one with the length of its network's prefix (RFC 4632 3.1, RFC 4291 2.3). */
function isIpOrNetwork(text: string): boolean {
  const [address = "", bits = "0", ...rest] = text.split("/");
  const version = isIP(address);
  return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

const PREFIX = "SWIPEWIRE_GATEWAY_";
/** Names the config file itself. */
export const CONFIG_FILE_VARIABLE = `${PREFIX}CONFIG`;

const validate = new Ajv2020({
  allErrors: true,
  verbose: true,
  useDefaults: true,
  discriminator: true,
  strict: true,
  strictTypes: false,
  strictRequired: false,
  formats: { url: (text: string) => URL.canParse(text), "ip-or-network": isIpOrNetwork },
}).compile<GatewayConfig>(GatewayConfig);

/**
 * Reads the config: the file, and over it the environment (`SWIPEWIRE_GATEWAY_HTTP_PORT` is `http.port`; a list is
 * separated by commas). Paths in it become absolute.
 * @throws GatewayConfigInvalid with every problem at once
 */
export function readConfig({
  file,
  environment,
}: {
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): GatewayConfig {
  const settings = readSettings(file);
  const { variableOf, unknown } = applyEnvironment(settings, environment);
  const valid = validate(settings);
  const wrong = valid ? [] : problems(validate.errors ?? [], (at) => variableOf.get(at) ?? file);
  const all = [...unknown, ...wrong];
  if (!valid || all.length > 0) throw new GatewayConfigInvalid({ detail: `${all.length} problems`, problems: all });
  const from = dirname(file);
  return {
    ...settings,
    store: { path: resolve(from, settings.store.path) },
    keys: { file: resolve(from, settings.keys.file) },
  };
}

function readSettings(file: string): Record<string, unknown> {
  const refuse = (problem: string) =>
    new GatewayConfigInvalid({ detail: "1 problem", problems: [`${file}: ${problem}`] });
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw refuse(`can't be read (${(error as NodeJS.ErrnoException).code}); swipewire-gateway init makes one`);
  }
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch (error) {
    throw refuse(`is not valid JSON${placeOf(error, text)}`);
  }
  if (!isObject(settings)) throw refuse("is not a JSON object");
  return settings;
}

/** The parser's own message quotes the text, which may hold a password: only the place is taken from it. */
function placeOf(error: unknown, text: string): string {
  const position = /position (\d+)/.exec((error as Error).message)?.[1];
  if (position === undefined) return "";
  const before = text.slice(0, Number(position)).split("\n");
  return ` (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})`;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly writeOnly?: boolean;
  readonly properties?: Readonly<Record<string, object>>;
  readonly oneOf?: readonly object[];
}

/** The settings that are no objects, by their dotted path. */
function* leaves(schema: object, path: readonly string[] = []): Generator<[string, SchemaNode]> {
  const node: SchemaNode = schema;
  if (node.oneOf) for (const branch of node.oneOf) yield* leaves(branch, path);
  else if (node.properties) {
    for (const [name, child] of Object.entries(node.properties)) yield* leaves(child, [...path, name]);
  } else yield [path.join("."), node];
}

const variableFor = (path: string) =>
  PREFIX +
  path
    .replaceAll(/[A-Z]/g, (capital) => `_${capital}`)
    .replaceAll(".", "_")
    .toUpperCase();

const LEAVES = new Map([...leaves(GatewayConfig)].map(([path, node]) => [variableFor(path), { path, node }]));

/** Lays the variables over the settings. A value that is not of its type stays text, for the schema to refuse. */
function applyEnvironment(
  settings: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): { variableOf: Map<string, string>; unknown: string[] } {
  const variableOf = new Map<string, string>();
  const unknown: string[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || variable === CONFIG_FILE_VARIABLE || text === undefined) continue;
    const leaf = LEAVES.get(variable);
    if (!leaf) {
      unknown.push(`${variable}: unknown variable`);
      continue;
    }
    const steps = leaf.path.split(".");
    const name = steps.pop() ?? "";
    let at: unknown = settings;
    for (const step of steps) {
      if (!isObject(at)) break;
      at[step] ??= {};
      at = at[step];
    }
    if (!isObject(at)) continue;
    at[name] = fromText(text, leaf.node);
    variableOf.set(leaf.path, variable);
  }
  return { variableOf, unknown };
}

function fromText(text: string, { type }: SchemaNode): unknown {
  if (type === "integer" && /^-?\d+$/.test(text)) return Number(text);
  if (type === "array") return text.split(",").map((item) => item.trim());
  return text;
}

/** A line for each setting that is wrong, told once. */
function problems(errors: readonly ErrorObject[], sourceOf: (path: string) => string): string[] {
  const lines = new Map<string, string>();
  for (const error of errors) {
    // What a condition brings about is told by the error inside it.
    if (error.keyword === "if") continue;
    const { path, text } = problem(error);
    if (!lines.has(path)) lines.set(path, `${sourceOf(path)}: ${path || "the whole"}: ${text}`);
  }
  return [...lines.values()];
}

function problem(error: ErrorObject): { path: string; text: string } {
  const at = error.instancePath.slice(1).split("/").filter(Boolean);
  const schema = (error.parentSchema ?? {}) as SchemaNode;
  const inner = (name: string) => [...at, name].join(".");
  switch (error.keyword) {
    case "required": {
      const name: string = error.params["missingProperty"];
      return { path: inner(name), text: `got nothing; allowed: ${allowed(schema.properties?.[name] ?? schema)}` };
    }
    case "additionalProperties": {
      const names = Object.keys(schema.properties ?? {}).join(", ");
      return { path: inner(error.params["additionalProperty"]), text: `unknown; allowed here: ${names}` };
    }
    case "discriminator":
      return {
        path: inner("kind"),
        text: `got ${given(error.params["tagValue"], schema)}; allowed: ${allowed(schema)}`,
      };
    default:
      return { path: at.join("."), text: `got ${given(error.data, schema)}; allowed: ${allowed(schema)}` };
  }
}

function allowed({ description, properties }: SchemaNode): string {
  return description ?? (properties ? `an object with ${Object.keys(properties).join(", ")}` : "see the documentation");
}

function given(value: unknown, { writeOnly }: SchemaNode): string {
  if (value === undefined) return "nothing";
  if (writeOnly) return "a value that is not shown";
  if (Array.isArray(value)) return "a list";
  if (isObject(value)) return "an object";
  // A URL may hold credentials where none are allowed.
  return JSON.stringify(value)
    .replace(/\/\/[^/@]*@/, "//…@")
    .slice(0, 80);
}
