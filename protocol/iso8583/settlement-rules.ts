import type { PosDialectName } from "./pos-codecs.ts";

/** What banks differ in when a batch is closed. */
export interface SettlementRules {
  /** Have 0500, 0320 and their answers a MAC? One that is there without need has to be right all the same. */
  readonly mac: boolean;
  /** `list`: purchases and voids up to eight to a 0320, refunds as they went out; `single`: a 0320 for each. */
  readonly upload: "list" | "single";
  /** Does a 0320 end a batch that balances too (field 60.3 as 207)? */
  readonly endsBalanced: boolean;
}

/**
 * By UnionPay's terminals. No MAC: LiaoYang_POS (HaveMacData names neither settlement nor upload), Innoverex/pos
 * (NetSettlement, NetBatchUp), and Centerm's terminal takes a refund's MAC away when it uploads it. 207 after a batch that
 * balances, as UnionPay's second platform wants it: LiaoYang_POS (PosBatchUp), Centerm's SettlementTrade, and the host
 * whose codes com.gy.hsxt.access.pos.model.BatchUploadPosOut lists.
 */
const unionPay: SettlementRules = { mac: false, upload: "list", endsBalanced: true };

/**
 * ISO 8583-1:1987 has the 0500 and knows no upload of what a terminal sent: what a bank of that dialect wants no source
 * says. Everything that may be sealed is.
 */
const iso1987: SettlementRules = { mac: true, upload: "single", endsBalanced: false };

/** What a dialect's banks are taken to want, where a config does not say otherwise. */
export const settlementRules: Readonly<Record<PosDialectName, SettlementRules>> = {
  unionpay: unionPay,
  iso1987,
  "iso1987-binary": iso1987,
};
