import {
  type Application,
  Comment,
  type CommentDisplayPart,
  type Context,
  Converter,
  type Reflection,
  ReflectionKind,
} from "typedoc";
import { CLASS_NAME, declaredFailures, ThrownFailures } from "./thrown-failures.ts";

/**
 * A plugin of TypeDoc for what it doesn't know of: the words of a failure are its docstring, and `@throws` names failures.
 * It warns of those that are thrown and not named, or named and not there, and of docstrings without words.
 */
export function load(app: Application): void {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context: Context) => {
    describeFailures(context);
    linkFailures(context);
    findWordless(context, app);
    for (const program of context.programs) {
      const failures = new ThrownFailures(program);
      for (const { of, name } of failures.unknown()) app.logger.warn(`@throws names ${name}, which is no failure`, of);
      for (const { of, name, failures: unnamed } of failures.unnamed()) {
        app.logger.warn(`${name} throws ${unnamed.join(" | ")}, and its docstring does not say so`, of);
      }
    }
  });
}

function describeFailures({ programs, project }: Context): void {
  const declared = new Map(
    programs.flatMap((program) => program.getSourceFiles().flatMap(declaredFailures)).map((one) => [one.name, one]),
  );
  for (const reflection of project.getReflectionsByKind(ReflectionKind.Class)) {
    const failure = declared.get(reflection.name);
    if (!failure || !reflection.isDeclaration()) continue;
    const [what = "", ...rest] = failure.sentences;
    reflection.comment ??= new Comment(textParts(`\`${failure.code}\`: ${what}\n\n${rest.join(" ")}`));
    for (const inherited of [...(reflection.children ?? [])]) project.removeReflection(inherited);
  }
}

/** Tags alone don't say what a function does. */
function findWordless({ project }: Context, app: Application): void {
  for (const signature of project.getReflectionsByKind(ReflectionKind.CallSignature)) {
    const { comment } = signature;
    if (comment && comment.blockTags.length > 0 && comment.summary.length === 0) {
      app.logger.warn(`The docstring of ${signature.getFriendlyFullName()} has tags and no words before them`);
    }
  }
}

function linkFailures({ project }: Context): void {
  const classes = new Map(project.getReflectionsByKind(ReflectionKind.Class).map((found) => [found.name, found]));
  for (const { comment } of Object.values(project.reflections)) {
    for (const tag of comment?.getTags("@throws") ?? []) {
      tag.content = tag.content.flatMap((part) => (part.kind === "text" ? linked(part.text, classes) : [part]));
    }
  }
}

function linked(text: string, classes: ReadonlyMap<string, Reflection>): CommentDisplayPart[] {
  const parts: CommentDisplayPart[] = [];
  let at = 0;
  for (const { 0: name, index } of text.matchAll(CLASS_NAME)) {
    const target = classes.get(name);
    if (!target) continue;
    parts.push(...textParts(text.slice(at, index)), { kind: "inline-tag", tag: "@link", text: name, target });
    at = index + name.length;
  }
  return [...parts, ...textParts(text.slice(at))];
}

const textParts = (text: string): CommentDisplayPart[] => [{ kind: "text", text }];
