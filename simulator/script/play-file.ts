import { readFile } from "node:fs/promises";
import { ScriptUnreadable } from "../errors.ts";
import { type PlayOptions, playScript } from "./play-script.ts";
import { type ReaderScript, readScript } from "./reader-script.ts";

/**
 * Plays the script of a file.
 * @param kind of reader, as the script's outcomes name it
 * @returns what a daemon must have told of the reader by now, in order; undefined where the script does not say
 * @throws ScriptUnreadable | LieUnfit | MessageTooLarge | MessageNotJson | MessageInvalid
 */
export async function playFile(
  path: string,
  kind: string,
  options: PlayOptions,
): Promise<readonly string[] | undefined> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ScriptUnreadable({ detail: path, cause });
  });
  const script = readScript(bytes);
  await playScript(script, options);
  return script.outcomes[kind as keyof ReaderScript["outcomes"]];
}
