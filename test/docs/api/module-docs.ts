import { type Application, Comment, type Context, Converter, ReflectionKind } from "typedoc";
import ts from "typescript";

/** A plugin of TypeDoc: the comment that stands for itself behind a file's imports is about the file, and opens its page. */
export function load(app: Application): void {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ programs, project }: Context) => {
    const files = programs.flatMap((program) => program.getSourceFiles().filter((file) => !file.isDeclarationFile));
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      const file = files.find(({ fileName }) => fileName.endsWith(`/protocol/${module.name}.ts`));
      const text = file && openingComment(file);
      if (text) module.comment ??= new Comment([{ kind: "text", text }]);
    }
  });
}

function openingComment(file: ts.SourceFile): string | undefined {
  const first = file.statements.find((statement) => !ts.isImportDeclaration(statement));
  const ranges = (first && ts.getLeadingCommentRanges(file.text, first.pos)) ?? [];
  const last = ranges.findIndex(({ end }) => /^\s*\n\s*\n/.test(file.text.slice(end)));
  const [from, to] = [ranges[0], ranges[last]];
  if (!from || !to) return undefined;
  return file.text
    .slice(from.pos, to.end)
    .replace(/^\/\*\*?|\*\/$/g, "")
    .replace(/^[ \t]*(?:\*|\/\/) ?/gm, "")
    .trim();
}
