import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Application, CommentTag, type Context, Converter, ReflectionKind } from "typedoc";

const PROTOCOL = join(import.meta.dirname, "../../../protocol");

/** A plugin of TypeDoc: the page of a schema shows the JSON Schema that is checked, with every length and range. */
export async function load(app: Application): Promise<void> {
  const schemas = await exportedSchemas();
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }: Context) => {
    // A schema and its type bear one name, and one docstring.
    for (const type of project.getReflectionsByKind(ReflectionKind.TypeAlias)) {
      const schema = type.parent?.getChildByName(type.name);
      if (!type.comment && schema?.comment) type.comment = schema.comment.clone();
    }
    for (const variable of project.getReflectionsByKind(ReflectionKind.Variable)) {
      const schema = schemas.get(`${variable.parent?.name}.${variable.name}`);
      if (!schema) continue;
      const text = `\`\`\`json\n${JSON.stringify(schema, null, 2)}\n\`\`\``;
      variable.comment?.blockTags.push(new CommentTag("@schema", [{ kind: "code", text }]));
    }
  });
}

/** By module and name. */
async function exportedSchemas(): Promise<ReadonlyMap<string, object>> {
  const schemas = new Map<string, object>();
  for (const file of globSync("*/*.ts", { cwd: PROTOCOL })) {
    const path = join(PROTOCOL, file);
    if (!readFileSync(path, "utf8").includes('from "typebox"')) continue;
    const exported: Record<string, unknown> = await import(path);
    for (const [name, value] of Object.entries(exported)) {
      // What TypeBox marks its schemas with.
      if (typeof value === "object" && value !== null && "~kind" in value) {
        schemas.set(`${file.replace(/\.ts$/, "")}.${name}`, value);
      }
    }
  }
  return schemas;
}
