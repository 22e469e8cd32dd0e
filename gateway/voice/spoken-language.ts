/** E.164 6.2.1, with the plus sign. It becomes part of a command, so nothing else may be in it. */
export const PHONE_NUMBER = /^\+[1-9][0-9]{6,14}$/;

export interface SpokenLanguages {
  /** Spoken to numbers that no prefix in `languages` is the beginning of. */
  readonly language: string;
  readonly languages: readonly { readonly prefix: string; readonly language: string }[];
}

/** The language of the longest prefix that `phone` begins with. */
export function languageOf(phone: string, { language, languages }: SpokenLanguages): string {
  const [closest] = languages
    .filter(({ prefix }) => phone.startsWith(prefix))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  return closest?.language ?? language;
}
