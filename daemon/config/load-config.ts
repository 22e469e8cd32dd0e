import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { ConfigInvalid } from "../errors.ts";
import { CONFIG_FILE_VARIABLE, DaemonConfig, variables } from "./config-schema.ts";

const ajv = new Ajv2020({ allErrors: true, verbose: true, useDefaults: true });
const validate = ajv.compile<DaemonConfig>(DaemonConfig);

const PREFIX = "SWIPEWIRE_DAEMON_";

type Fields = Record<string, unknown>;

export interface ConfigSources {
  /** Of the config file; without it the variable `SWIPEWIRE_DAEMON_CONFIG` names one, or there is none. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The config of file and environment, the environment's word being last.
 * @throws ConfigInvalid with every problem at once
 */
export function loadConfig({ env, file = env[CONFIG_FILE_VARIABLE] }: ConfigSources): DaemonConfig {
  const problems: string[] = [];
  const config = file === undefined ? {} : readFields(file, problems);
  const given = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[0].startsWith(PREFIX) && entry[0] !== CONFIG_FILE_VARIABLE && entry[1] !== undefined,
  );
  /** Which variable set the field at a JSON pointer. */
  const setBy = new Map<string, string>();
  for (const [name, text] of given) {
    const variable = variables[name];
    if (!variable) {
      problems.push(`${name}: the daemon has no such variable; allowed: ${Object.keys(variables).join(", ")}`);
      continue;
    }
    setField(config, variable.field, parseText(text, variable.as));
    setBy.set(`/${variable.field.join("/")}`, name);
  }
  if (!validate(config)) {
    const source = (pointer: string) =>
      [...setBy].find(([field]) => pointer === field || pointer.startsWith(`${field}/`))?.[1] ?? file ?? "config";
    problems.push(...explain(validate.errors ?? [], source));
  }
  if (problems.length > 0) throw new ConfigInvalid({ problems });
  const valid = config as unknown as DaemonConfig;
  const fromFile = file !== undefined && !setBy.has("/stateDir");
  return { ...valid, stateDir: resolve(fromFile ? dirname(file) : ".", valid.stateDir) };
}

function readFields(file: string, problems: string[]): Fields {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    problems.push(`${file}: cannot be read (${error instanceof Error && "code" in error ? error.code : "unknown"})`);
    return {};
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isFields(value)) return value;
    problems.push(`${file}: got ${described(value)}; allowed: a JSON object`);
  } catch (error) {
    // The parser quotes the text, which is not repeated here: only its place is.
    const at = /position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    const line = at === undefined ? "" : `, line ${text.slice(0, Number(at)).split("\n").length}`;
    problems.push(`${file}: is not JSON${line}`);
  }
  return {};
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parseText(text: string, as: "text" | "number" | "list" | "json"): unknown {
  switch (as) {
    case "text":
      return text;
    case "number":
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case "list":
      return text
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "");
    case "json":
      try {
        return JSON.parse(text);
      } catch {
        return text;
      }
  }
}

function setField(fields: Fields, [first, ...rest]: readonly [string, ...string[]], value: unknown): void {
  const [next, ...others] = rest;
  if (next === undefined) {
    fields[first] = value;
    return;
  }
  fields[first] ??= {};
  const inner = fields[first];
  // What the file has there instead is reported by the schema.
  if (isFields(inner)) setField(inner, [next, ...others], value);
}

function explain(errors: readonly ErrorObject[], source: (pointer: string) => string): string[] {
  const lines = errors.map(({ keyword, params, instancePath, parentSchema, data }) => {
    const field = (pointer: string) => pointer.slice(1).replaceAll("/", ".");
    const allowed = parentSchema?.["description"];
    if (keyword === "additionalProperties") {
      const name: unknown = params["additionalProperty"];
      const pointer = `${instancePath}/${name}`;
      const known = Object.keys(parentSchema?.["properties"] ?? {}).join(", ");
      return `${source(pointer)}: ${field(pointer)}: there is no such field; allowed: ${known}`;
    }
    if (keyword === "required") {
      const pointer = `${instancePath}/${params["missingProperty"]}`;
      const missing = parentSchema?.["properties"]?.[params["missingProperty"]]?.description;
      return `${source(pointer)}: ${field(pointer)}: got nothing; allowed: ${missing}`;
    }
    return `${source(instancePath)}: ${field(instancePath)}: got ${described(data)}; allowed: ${allowed}`;
  });
  return [...new Set(lines)];
}

/** What was given, shortly; a password in a URL is left out. */
function described(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isFields(value)) return "an object";
  const text = JSON.stringify(value).replace(/\/\/[^/@]*@/, "//…@");
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
