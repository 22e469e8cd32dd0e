import { ReaderFrameField } from "../errors.ts";

/*
 * Readers that are keyboards to the system: boot reports of eight bytes (HID 1.11, appendix B.1), usages of the keyboard
 * page (HID Usage Tables, section 10), as a US keyboard has them. Both makers' manuals describe their readers with that
 * layout.
 */

/** In bytes. */
export const KEYBOARD_REPORT_LENGTH = 8;
const KEYS = 2;
const SHIFT = 0x22;
const LEFT_SHIFT = 0x02;
/** Too many keys are down at once (usage 1), or the reader failed. */
const LAST_ERROR_USAGE = 3;

/** Characters from usage 4 on: without shift, with it. A space where a key gives no character. */
const PLAIN = "abcdefghijklmnopqrstuvwxyz1234567890\r\x1b\b\t -=[]\\#;'`,./";
const SHIFTED = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()\r\x1b\b\t _+{}|~:"~<>?';
const FIRST = 4;
/** Usage 0x32 is the second key for "#" that US keyboards lack. */
const NON_US_HASH = 0x32;

/**
 * The reports of a reader that types: each key goes down and up again.
 * @param text ASCII
 * @returns two reports a character, the caller's to wipe
 * @throws ReaderFrameField for a character that is on no key
 */
export function typeAsKeyboard(text: Uint8Array): Uint8Array[] {
  return Array.from(text).flatMap((code, at) => {
    const character = String.fromCharCode(code);
    const usage = [PLAIN, SHIFTED].map((keys) => usageIn(keys, character)).find((usage) => usage !== undefined);
    if (usage === undefined) throw new ReaderFrameField({ detail: `character ${at} is on no key` });
    const down = new Uint8Array(KEYBOARD_REPORT_LENGTH);
    down[0] = usageIn(PLAIN, character) === undefined ? LEFT_SHIFT : 0;
    down[KEYS] = usage;
    return [down, new Uint8Array(KEYBOARD_REPORT_LENGTH)];
  });
}

function usageIn(keys: string, character: string): number | undefined {
  for (let at = keys.indexOf(character); at >= 0; at = keys.indexOf(character, at + 1)) {
    if (at + FIRST !== NON_US_HASH) return at + FIRST;
  }
  return undefined;
}

/** What a keyboard's reports type. Holds which keys are down, so one is needed for each reader. */
export class KeyboardTyping {
  readonly #down = new Uint8Array(KEYBOARD_REPORT_LENGTH - KEYS);

  /** The ASCII characters of the keys that this report says went down; none for bytes that are no boot report. */
  take(report: Uint8Array): Uint8Array {
    if (report.length !== KEYBOARD_REPORT_LENGTH) return new Uint8Array();
    const keys = report.subarray(KEYS);
    if (keys.some((usage) => usage > 0 && usage <= LAST_ERROR_USAGE)) return new Uint8Array();
    const table = ((report[0] ?? 0) & SHIFT) === 0 ? PLAIN : SHIFTED;
    const typed = Array.from(keys)
      .filter((usage) => usage >= FIRST && !this.#down.includes(usage))
      .map((usage) => table.charCodeAt(usage - FIRST))
      .filter((code) => !Number.isNaN(code));
    this.#down.set(keys);
    return Uint8Array.from(typed);
  }

  /** Overwrites what was held: the last key is part of a card. */
  wipe(): void {
    this.#down.fill(0);
  }
}
