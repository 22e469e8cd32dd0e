import type { Codec } from "./codec.ts";
import type { Dialect } from "./dialect.ts";
import type { unionPay } from "./dialects/unionpay.ts";

// Gateway and bank think in UnionPay's messages, whose fields 48, 60, 61 and 63 each hold several things. In another
// dialect those stand in fields of their own: where, is a table.

/** A piece of a field of the UnionPay message, as it stands in a field on the wire. */
export interface Piece {
  /** Of the UnionPay message. */
  readonly field: number;
  /** Its first character there. */
  readonly at: number;
  /** Characters; all that are left unless said. */
  readonly length?: number;
  /** Digits that it has on the wire, where zeros go before it. */
  readonly width?: number;
  /** What is written in its place; not to be read back. */
  readonly via?: Readonly<Record<string, string>>;
}

/** What a field on the wire consists of: pieces, and characters that always stand there and are not looked at. */
export type Part = Piece | { readonly constant: string };

/** Where pieces of the UnionPay message stand on the wire. */
export interface Place {
  /** The field on the wire. */
  readonly wire: number;
  /** How the MTIs begin that have it so; all unless said. */
  readonly mtis?: readonly string[];
  readonly parts: readonly Part[];
  /** Left out where it would be this, and taken for this where it is missing. */
  readonly absent?: string;
  /** Repeats what the message says elsewhere, since the standard wants it here too; not read. */
  readonly repeats?: true;
}

/** Everything in which one bank's POS messages differ from UnionPay's. What no place names stands in the same field. */
export interface PosDialect {
  readonly wire: Dialect;
  readonly places: readonly Place[];
  /** MTIs of the message that are others on the wire, when field 60.3 is one of the codes. */
  readonly mtis?: readonly {
    readonly message: string;
    readonly wire: string;
    readonly networkCodes: readonly string[];
  }[];
  /** Byte fields of the UnionPay message that are written in hexadecimal characters. Other bytes are characters. */
  readonly hexadecimal: readonly number[];
}

/** Builds and parses POS messages in some bank's dialect. */
export type PosCodec = Pick<Codec<typeof unionPay>, "build" | "parse" | "macCovered">;
