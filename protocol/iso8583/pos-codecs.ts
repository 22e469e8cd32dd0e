import { iso1987BinaryPos, iso1987Pos } from "./iso1987-pos.ts";
import type { PosCodec } from "./pos-dialect.ts";
import { compilePosDialect } from "./pos-translator.ts";
import { unionPayCodec } from "./unionpay-messages.ts";

/** The dialects of POS messages, by the name that configs and command lines know them by. */
export const posCodecs = {
  unionpay: unionPayCodec,
  iso1987: compilePosDialect(iso1987Pos),
  "iso1987-binary": compilePosDialect(iso1987BinaryPos),
} as const satisfies Readonly<Record<string, PosCodec>>;

/** One of {@link posDialectNames}. */
export type PosDialectName = keyof typeof posCodecs;
/** What configs and command lines call the dialects of POS messages. */
export const posDialectNames = Object.keys(posCodecs) as PosDialectName[];
