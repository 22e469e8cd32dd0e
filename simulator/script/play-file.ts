import { readFile } from "node:fs/promises";
import { ScriptUnreadable } from "../errors.ts";
import { type Outcomes, type ReaderScript, readScript } from "./reader-script.ts";

/**
 * Plays the script of a file.
 * @param kind of reader, as the script's outcomes name it
 * @returns what a daemon must have told of the reader by now, in order; undefined where the script does not say
 * @throws ScriptUnreadable | ScriptContradictory | LieUnfit | MessageTooLarge | MessageNotJson | MessageInvalid
 */
export async function playFile(
  path: string,
  kind: string,
  play: (script: ReaderScript) => Promise<void>,
): Promise<readonly string[] | undefined> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ScriptUnreadable({ detail: path, cause });
  });
  const script = readScript(bytes);
  await play(script);
  return script.outcomes[kind as keyof Outcomes];
}
