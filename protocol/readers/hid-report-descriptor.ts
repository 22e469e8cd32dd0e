import { ReaderDescriptorInvalid, ReaderDescriptorTooLarge, ReaderDescriptorTruncated } from "../errors.ts";

/*
 * HID report descriptors, "Device Class Definition for HID" 1.11, 6.2.2. Kept is what places a usage in a report;
 * logical and physical ranges, units and strings are read over.
 */

/** HID 1.11, 6.2.2.5: the main item that declares a report. */
export type ReportKind = "input" | "output" | "feature";

/** Usages from `first` to `last`, both included; each with its page in the upper 16 bits. */
export interface UsageRange {
  readonly first: number;
  readonly last: number;
}

/** What one Input, Output or Feature item declares: `count` elements of `size` bits, one after the other. */
export interface ReportField {
  readonly kind: ReportKind;
  /** 1 to 255, or 0 where the device announces its reports by no id. */
  readonly reportId: number;
  /** Of the first element, from the first bit behind the byte of the report id. */
  readonly bitOffset: number;
  /** Bits of one element, 1 to 256. */
  readonly size: number;
  /** Elements, at least 1. */
  readonly count: number;
  /** Padding. */
  readonly constant: boolean;
  /** Each element has a usage of its own; otherwise an element's value is an index into the usages. */
  readonly variable: boolean;
  /** In the order of the elements; the last one goes on for all that follow (6.2.2.8). */
  readonly usages: readonly UsageRange[];
  /** Usages of the collections around it, outermost first. */
  readonly collections: readonly number[];
}

/** What a device sends and takes. */
export interface ReportDescriptor {
  readonly fields: readonly ReportField[];
  /** Each report begins with a byte that is its id. */
  readonly usesReportIds: boolean;
}

/** Where a usage lies in a report. */
export interface UsagePlace {
  readonly field: ReportField;
  /** Of its first element. */
  readonly bitOffset: number;
  /** Elements that have this usage, one behind the other. */
  readonly count: number;
}

/** The kernels of the systems we run on take no more either. */
const LONGEST_DESCRIPTOR = 4096;
const LONGEST_REPORT = 4096;
const LARGEST_ELEMENT = 256;
const DEEPEST = 32;

const LONG_ITEM = 0xfe;
const TYPE = { main: 0, global: 1, local: 2 } as const;
const MAIN = { input: 8, output: 9, collection: 10, feature: 11, endCollection: 12 } as const;
const GLOBAL = { usagePage: 0, reportSize: 7, reportId: 8, reportCount: 9, push: 10, pop: 11 } as const;
const LOCAL = { usage: 0, usageMinimum: 1, usageMaximum: 2, delimiter: 10 } as const;
const FLAG = { constant: 1 << 0, variable: 1 << 1 } as const;
const REPORT_KINDS: Readonly<Record<number, ReportKind>> = {
  [MAIN.input]: "input",
  [MAIN.output]: "output",
  [MAIN.feature]: "feature",
};

interface Item {
  readonly type: number;
  readonly tag: number;
  /** Unsigned, little-endian. */
  readonly value: number;
  /** Bytes that `value` was given in: 0, 1, 2 or 4. */
  readonly width: number;
  readonly offset: number;
}

/** Short items; long ones (6.2.2.3) are reserved and read over. */
function* shortItems(bytes: Uint8Array): Generator<Item> {
  for (let offset = 0; offset < bytes.length; ) {
    const prefix = bytes[offset] ?? 0;
    const isLong = prefix === LONG_ITEM;
    const width = isLong ? (bytes[offset + 1] ?? 0) : (prefix & 3) === 3 ? 4 : prefix & 3;
    const start = offset + (isLong ? 3 : 1);
    if (start + width > bytes.length) throw new ReaderDescriptorTruncated({ detail: `item at offset ${offset}` });
    if (!isLong) {
      let value = 0;
      for (let n = width - 1; n >= 0; n--) value = value * 0x100 + (bytes[start + n] ?? 0);
      yield { type: (prefix >> 2) & 3, tag: prefix >> 4, value, width, offset };
    }
    offset = start + width;
  }
}

interface Globals {
  readonly usagePage: number;
  readonly reportSize: number;
  readonly reportCount: number;
  readonly reportId: number;
}

/** A usage as given: short ones get the page that holds when the main item comes (6.2.2.8). */
interface LocalUsage extends UsageRange {
  readonly withPage: boolean;
}

class DescriptorParser {
  readonly #fields: ReportField[] = [];
  readonly #collections: number[] = [];
  readonly #stack: Globals[] = [];
  /** Bits so far of each report, by kind and id. */
  readonly #lengths = new Map<string, number>();
  #globals: Globals = { usagePage: 0, reportSize: 0, reportCount: 0, reportId: 0 };
  #usages: LocalUsage[] = [];
  #minimum: Item | undefined;
  #maximum: Item | undefined;
  /** Inside a set of alternative usages, of which the first is the preferred one (6.2.2.8). */
  #alternatives: "none" | "first" | "others" = "none";

  take(item: Item): void {
    if (item.type === TYPE.main) this.#main(item);
    else if (item.type === TYPE.global) this.#global(item);
    else if (item.type === TYPE.local) this.#local(item);
  }

  finish(): ReportDescriptor {
    if (this.#collections.length > 0) invalid("a collection is not ended");
    const usesReportIds = this.#fields.some(({ reportId }) => reportId !== 0);
    if (usesReportIds && this.#fields.some(({ reportId }) => reportId === 0)) {
      invalid("some reports have an id and some have none");
    }
    return { fields: this.#fields, usesReportIds };
  }

  #main({ tag, value, offset }: Item): void {
    const kind = REPORT_KINDS[tag];
    if (kind) this.#declare(kind, value, offset);
    else if (tag === MAIN.collection) {
      if (this.#collections.length === DEEPEST) {
        throw new ReaderDescriptorTooLarge({ detail: `collections deeper than ${DEEPEST}` });
      }
      this.#collections.push(this.#takeUsages()[0]?.first ?? 0);
    } else if (tag === MAIN.endCollection && this.#collections.pop() === undefined) {
      invalid(`end of no collection at offset ${offset}`);
    }
    // Main items clear what is local, also reserved ones.
    this.#takeUsages();
  }

  #declare(kind: ReportKind, flags: number, offset: number): void {
    const { reportSize: size, reportCount: count, reportId } = this.#globals;
    const usages = this.#takeUsages();
    if (size === 0 || count === 0) return;
    const report = `${kind} ${reportId}`;
    const bitOffset = this.#lengths.get(report) ?? 0;
    if (size > LARGEST_ELEMENT || bitOffset + size * count > LONGEST_REPORT * 8) {
      throw new ReaderDescriptorTooLarge({ detail: `${count} elements of ${size} bits at offset ${offset}` });
    }
    this.#lengths.set(report, bitOffset + size * count);
    this.#fields.push({
      kind,
      reportId,
      bitOffset,
      size,
      count,
      constant: (flags & FLAG.constant) !== 0,
      variable: (flags & FLAG.variable) !== 0,
      usages,
      collections: [...this.#collections],
    });
  }

  #global({ tag, value, offset }: Item): void {
    const set = (change: Partial<Globals>) => {
      this.#globals = { ...this.#globals, ...change };
    };
    if (tag === GLOBAL.usagePage) {
      if (value > 0xffff) invalid(`usage page at offset ${offset}`);
      set({ usagePage: value });
    } else if (tag === GLOBAL.reportSize) set({ reportSize: value });
    else if (tag === GLOBAL.reportCount) set({ reportCount: value });
    else if (tag === GLOBAL.reportId) {
      if (value < 1 || value > 0xff) invalid(`report id at offset ${offset}`);
      set({ reportId: value });
    } else if (tag === GLOBAL.push) {
      if (this.#stack.length === DEEPEST) throw new ReaderDescriptorTooLarge({ detail: `push deeper than ${DEEPEST}` });
      this.#stack.push(this.#globals);
    } else if (tag === GLOBAL.pop) {
      this.#globals = this.#stack.pop() ?? invalid(`pop of nothing at offset ${offset}`);
    }
  }

  #local(item: Item): void {
    const { tag, value, offset } = item;
    if (tag === LOCAL.delimiter) {
      if ((value === 1) !== (this.#alternatives === "none")) invalid(`delimiter at offset ${offset}`);
      this.#alternatives = value === 1 ? "first" : "none";
    } else if (tag === LOCAL.usage) this.#use({ first: value, last: value, withPage: item.width === 4 });
    else if (tag === LOCAL.usageMinimum) this.#minimum = item;
    else if (tag === LOCAL.usageMaximum) this.#maximum = item;
    if (!this.#minimum || !this.#maximum) return;
    const { value: first, width } = this.#minimum;
    const { value: last } = this.#maximum;
    const withPage = width === 4 && this.#maximum.width === 4;
    if (first > last || last - first > 0xffff || (!withPage && last > 0xffff)) {
      invalid(`usage range at offset ${offset}`);
    }
    this.#minimum = undefined;
    this.#maximum = undefined;
    this.#use({ first, last, withPage });
  }

  #use(usage: LocalUsage): void {
    if (this.#alternatives === "others") return;
    if (this.#alternatives === "first") this.#alternatives = "others";
    this.#usages.push(usage);
  }

  #takeUsages(): UsageRange[] {
    const page = this.#globals.usagePage * 0x1_0000;
    const usages = this.#usages.map(({ first, last, withPage }) =>
      withPage ? { first, last } : { first: page + first, last: page + last },
    );
    this.#usages = [];
    this.#minimum = undefined;
    this.#maximum = undefined;
    this.#alternatives = "none";
    return usages;
  }
}

function invalid(detail: string): never {
  throw new ReaderDescriptorInvalid({ detail });
}

/**
 * Reads a report descriptor, HID 1.11, 6.2.2.
 * @param bytes as the device gives them for GET_DESCRIPTOR 0x22, at most 4096
 * @throws ReaderDescriptorTruncated | ReaderDescriptorInvalid | ReaderDescriptorTooLarge
 */
export function parseReportDescriptor(bytes: Uint8Array): ReportDescriptor {
  if (bytes.length > LONGEST_DESCRIPTOR) throw new ReaderDescriptorTooLarge({ detail: `${bytes.length} bytes` });
  const parser = new DescriptorParser();
  for (const item of shortItems(bytes)) parser.take(item);
  return parser.finish();
}

/** Bytes of a report as it travels, the byte of its id included; 0 where there is no such report. */
export function reportLength({ fields, usesReportIds }: ReportDescriptor, kind: ReportKind, reportId: number): number {
  const bits = fields
    .filter((field) => field.kind === kind && field.reportId === reportId)
    .reduce((end, { bitOffset, size, count }) => Math.max(end, bitOffset + size * count), 0);
  return bits === 0 ? 0 : Math.ceil(bits / 8) + (usesReportIds ? 1 : 0);
}

/**
 * The first place in reports of this kind that holds `usage` as a value, not as a choice among several.
 * @param usage with its page in the upper 16 bits
 */
export function findUsage({ fields }: ReportDescriptor, kind: ReportKind, usage: number): UsagePlace | undefined {
  for (const field of fields) {
    if (field.kind !== kind || field.constant || !field.variable) continue;
    let element = 0;
    for (const [n, { first, last }] of field.usages.entries()) {
      if (usage >= first && usage <= last) {
        const at = element + usage - first;
        if (at >= field.count) break;
        const goesOn = n === field.usages.length - 1 && usage === last;
        return { field, bitOffset: field.bitOffset + at * field.size, count: goesOn ? field.count - at : 1 };
      }
      element += last - first + 1;
    }
  }
  return undefined;
}

/**
 * `size` bits as an unsigned number; the least significant bit comes first (6.2.2.7).
 * @param report without the byte of its id
 * @param size 1 to 32
 */
export function readBits(report: Uint8Array, bitOffset: number, size: number): number {
  let value = 0;
  for (let bit = size - 1; bit >= 0; bit--) {
    const at = bitOffset + bit;
    value = value * 2 + (((report[at >> 3] ?? 0) >> (at & 7)) & 1);
  }
  return value;
}

/** The other way: `value` must fit into `size` bits, 1 to 32. */
export function writeBits(report: Uint8Array, bitOffset: number, size: number, value: number): void {
  for (let bit = 0; bit < size; bit++) {
    const at = bitOffset + bit;
    const one = Math.floor(value / 2 ** bit) % 2 === 1;
    const byte = report[at >> 3] ?? 0;
    report[at >> 3] = one ? byte | (1 << (at & 7)) : byte & ~(1 << (at & 7));
  }
}
