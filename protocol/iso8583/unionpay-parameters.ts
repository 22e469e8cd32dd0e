import { ParametersMalformed } from "../errors.ts";

/** One parameter that an acquirer sends: its tag, and as many bytes as it always has. */
export interface ParameterFormat {
  /** ASCII, as long as every other tag of its layout. */
  readonly tag: string;
  /** For people, and in {@link Parameters}. */
  readonly name: string;
  /** Bytes after the tag. */
  readonly length: number;
}

/** How an acquirer's field 62 is laid out when terminals download their parameters: the acquirer's own, and so data. */
export interface ParameterLayout {
  /** Field 60.3 of the request, three digits. */
  readonly networkCode: string;
  readonly parameters: readonly ParameterFormat[];
}

/** By name. Bytes, since names of merchants come in the acquirer's own character set. */
export type Parameters = Readonly<Record<string, Uint8Array>>;

/**
 * Takes a downloaded field 62 apart, in whatever order its parameters stand.
 * @returns copies
 * @throws ParametersMalformed for a tag that the layout lacks, one that comes twice, or a value cut short
 */
export function readParameters({ parameters }: ParameterLayout, field62: Uint8Array): Parameters {
  const read: Record<string, Uint8Array> = {};
  for (let at = 0; at < field62.length; ) {
    const format = parameters.find(({ tag }) => startsWith(field62, at, tag));
    if (format === undefined) throw new ParametersMalformed({ detail: `tag at offset ${at}` });
    const start = at + format.tag.length;
    at = start + format.length;
    if (at > field62.length || Object.hasOwn(read, format.name)) {
      throw new ParametersMalformed({ detail: `tag ${format.tag}, offset ${start}` });
    }
    read[format.name] = field62.slice(start, at);
  }
  return read;
}

/**
 * What {@link readParameters} takes apart.
 * @returns field 62, in the order of the layout
 * @throws ParametersMalformed for a value of another length, or a name that the layout lacks
 */
export function writeParameters({ parameters }: ParameterLayout, values: Parameters): Uint8Array {
  const present = parameters.filter(({ name }) => Object.hasOwn(values, name));
  if (present.length !== Object.keys(values).length) throw new ParametersMalformed({ detail: "a name without a tag" });
  return Uint8Array.from(
    present.flatMap(({ tag, name, length }) => {
      const value = values[name] ?? new Uint8Array();
      if (value.length !== length)
        throw new ParametersMalformed({ detail: `tag ${tag}, ${value.length} of ${length}` });
      return [...new TextEncoder().encode(tag), ...value];
    }),
  );
}

const startsWith = (bytes: Uint8Array, at: number, tag: string) =>
  [...tag].every((character, i) => bytes[at + i] === character.charCodeAt(0));
