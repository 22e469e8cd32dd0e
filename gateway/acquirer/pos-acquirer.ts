import { type Failure, SwipewireError } from "@swipewire/protocol/failure";
import { wipeMessage } from "@swipewire/protocol/iso8583/codec";
import { type PosDialectName, posCodecs } from "@swipewire/protocol/iso8583/pos-codecs";
import type { PosCodec } from "@swipewire/protocol/iso8583/pos-dialect";
import { type ResponseCode, responseCodes } from "@swipewire/protocol/iso8583/response-codes";
import { type SettlementRules, settlementRules } from "@swipewire/protocol/iso8583/settlement-rules";
import {
  batchListRequest,
  batchUploadEndRequest,
  batchUploadRequest,
  LISTED_SLIPS,
  refundUploadRequest,
} from "@swipewire/protocol/iso8583/unionpay-batch-upload";
import {
  batchOf,
  echoRequest,
  macIsRight,
  type PosTerminal,
  replyMti,
  signOnRequest,
  type UnionPayFields,
  type UnionPayMessage,
} from "@swipewire/protocol/iso8583/unionpay-messages";
import { NO_TOTALS, readTotals, settlementRequest } from "@swipewire/protocol/iso8583/unionpay-settlement";
import {
  reversalRequest,
  type Transaction,
  type TransactionName,
  transactionRequest,
} from "@swipewire/protocol/iso8583/unionpay-transactions";
import type { Duration, Timer } from "@swipewire/protocol/time";
import {
  AcquirerMacInvalid,
  AcquirerOutcomeUnknown,
  AcquirerReplyMismatch,
  AcquirerReplyUnmatched,
  AcquirerRequestNotSent,
  AcquirerRequestRefused,
  AcquirerReversalRefused,
  AcquirerSignOnRefused,
  AcquirerUnreachable,
} from "../errors.ts";
import type { KeyStore } from "../keys/key-store.ts";
import type {
  Acquirer,
  AcquirerStatus,
  BatchIdentity,
  BatchTotals,
  ChargeRequest,
  GiveBackRequest,
  LateReply,
  ReversalReason,
  ReversalReply,
  ReversibleKind,
  SettlementReply,
  Slip,
  TransactionIdentity,
  TransactionReply,
  UploadPart,
} from "./acquirer.ts";
import { BankConnection, type BankConnectionOptions } from "./bank-connection.ts";
import { PendingReplies } from "./pending-replies.ts";

export interface PosAcquirerOptions extends BankConnectionOptions, PosTerminal {
  readonly keys: KeyStore;
  /** UnionPay's unless told. */
  readonly dialect?: PosDialectName;
  /** Where the bank wants its batches closed otherwise than its dialect's usually do. */
  readonly settlement?: Partial<SettlementRules>;
  /**
   * Does the bank leave the MAC out where it does not approve? Over TLS only: whoever could write on the line would make a
   * charge that the bank approved a refused one, which nobody undoes.
   */
  readonly declinesWithoutMac?: boolean;
  /** How long a reply may take. After it the outcome is unknown. */
  readonly replyTimeout: Duration;
  /** How long the line may be silent before the bank is asked whether it is there. */
  readonly idleAfter: Duration;
  readonly onStatus?: (status: AcquirerStatus) => void;
  /** With each sign-on whose answer says which batch the bank has open for this terminal. */
  readonly onBatch?: (batch: number) => void;
}

/** Field 39 of a reversal whose transaction the bank does not know. */
const ORIGINAL_UNKNOWN = "25";
const MAX_TRACE = 999_999;
/** ISO 8583-1:1987 has field 38 as `an 6`; a terminal refuses a result with any other, and would wait for ever. */
const AUTHORISATION_CODE = /^[A-Za-z0-9 ]{6}$/;

/** A bank's POS channel in any dialect. Connects and signs on by itself, for as long as it is not closed. */
export class PosAcquirer implements Acquirer {
  readonly #options: PosAcquirerOptions;
  readonly #codec: PosCodec;
  readonly #settlement: SettlementRules;
  readonly #connection: BankConnection;
  readonly #pending: PendingReplies<UnionPayMessage>;
  readonly #failures = new Map<string, number>();
  #idle: Timer | undefined;
  #ready = false;
  #signingOn = false;
  #signOns = 0;
  /** Of sign-ons and echoes, which no store keeps count of. */
  #networkTrace = 0;
  #onLateReply: (reply: LateReply) => void = () => {};

  constructor(options: PosAcquirerOptions) {
    this.#options = options;
    const { dialect = "unionpay" } = options;
    this.#codec = posCodecs[dialect];
    this.#settlement = { ...settlementRules[dialect], ...options.settlement };
    this.#pending = new PendingReplies(options.clock);
    this.#connection = new BankConnection(options, {
      up: () => void this.#signOn(),
      down: () => this.#down(),
      message: (bytes) => this.#take(bytes),
      fault: (error) => this.#count(error),
    });
  }

  get ready(): boolean {
    return this.#ready;
  }

  get signOns(): number {
    return this.#signOns;
  }

  /** What went wrong with the bank's messages since the start, by the failure's code. */
  get failures(): ReadonlyMap<string, number> {
    return this.#failures;
  }

  async charge(request: ChargeRequest): Promise<TransactionReply> {
    this.#checkReady();
    // The bank would count it as a wrong PIN of the card.
    if (request.pinBlock && request.signOns !== this.#signOns) {
      throw new AcquirerUnreachable({ detail: "the PIN block's key was replaced" });
    }
    return this.#transact("purchase", request);
  }

  async voidPurchase(request: GiveBackRequest): Promise<TransactionReply> {
    this.#checkReady();
    return this.#transact("purchase void", withoutCard(request));
  }

  async refund(request: GiveBackRequest): Promise<TransactionReply> {
    this.#checkReady();
    return this.#transact("refund", withoutCard(request));
  }

  async reverse(
    transaction: TransactionIdentity,
    kind: ReversibleKind,
    reason: ReversalReason,
  ): Promise<ReversalReply> {
    this.#checkReady();
    const identity = { ...transaction, ...(kind === "purchase void" && { cardAbsent: true as const }) };
    const request = reversalRequest(this.#options, kind, identity, reason);
    const code = await this.#exchange(request, true, ({ fields }) => fields[39] ?? "absent");
    const meaning = responseCodes[code];
    if (code === "00") return "undone";
    if (code === ORIGINAL_UNKNOWN) return "unknown";
    if (meaning?.reason === "acquirer_refused" && meaning.follows === "declined")
      throw new AcquirerReversalRefused({ detail: `field 39 is ${code}` });
    if (meaning?.follows === "sign-on") void this.#signOn();
    throw new AcquirerOutcomeUnknown({ detail: `field 39 is ${code}`, reversalReason: reason });
  }

  async settle(batch: BatchIdentity & { currency: string }, totals: BatchTotals): Promise<SettlementReply> {
    // All cards count as domestic ones: which are not, the bank knows and the gateway does not.
    const groups = { domestic: totals, foreign: NO_TOTALS };
    const { domestic, foreign, domesticResult, foreignResult } = await this.#batchRequest(
      settlementRequest(this.#options, batch, groups),
      (fields) => readTotals(fields[48]),
    );
    return {
      balanced: domesticResult === "balanced" && foreignResult !== "unbalanced" && foreignResult !== "failed",
      endAwaited: this.#settlement.endsBalanced,
      totals: {
        debitAmount: domestic.debitAmount + foreign.debitAmount,
        debitCount: domestic.debitCount + foreign.debitCount,
        creditAmount: domestic.creditAmount + foreign.creditAmount,
        creditCount: domestic.creditCount + foreign.creditCount,
      },
    };
  }

  uploadParts(slips: readonly Slip[]): UploadPart[] {
    const alone = (slip: Slip): UploadPart => ({ slips: [slip], ownTrace: false });
    if (this.#settlement.upload === "single") return slips.map(alone);
    const listed = slips.filter(({ kind }) => kind !== "refund");
    const lists = Array.from({ length: Math.ceil(listed.length / LISTED_SLIPS) }, (_, i) => ({
      slips: listed.slice(i * LISTED_SLIPS, (i + 1) * LISTED_SLIPS),
      ownTrace: true,
    }));
    return [...lists, ...slips.filter(({ kind }) => kind === "refund").map(alone)];
  }

  async uploadSlips(batch: BatchIdentity, { slips, ownTrace }: UploadPart): Promise<void> {
    if (ownTrace) {
      // No card number is kept that could be told.
      const listed = slips.map(({ trace, amount }) => ({ trace, amount, foreign: false }));
      await this.#batchRequest(batchListRequest(this.#options, batch, listed));
      return;
    }
    for (const { kind, original, ...slip } of slips) {
      const asSent = this.#settlement.upload === "list" && original;
      await this.#batchRequest(
        asSent
          ? refundUploadRequest(this.#options, withoutCard({ ...slip, original }))
          : batchUploadRequest(this.#options, kind, slip),
      );
    }
  }

  async endUpload(batch: BatchIdentity, upload: { count: number; balanced: boolean }): Promise<void> {
    await this.#batchRequest(batchUploadEndRequest(this.#options, batch, upload));
  }

  onLateReply(listener: (reply: LateReply) => void): void {
    this.#onLateReply = listener;
  }

  async close(): Promise<void> {
    this.#idle?.cancel();
    await this.#connection.close();
    this.#pending.abandonAll();
  }

  async #transact<N extends TransactionName>(name: N, transaction: Transaction<N>): Promise<TransactionReply> {
    return this.#sendTransaction(name, transaction);
  }

  #batchRequest(request: UnionPayMessage): Promise<void>;
  #batchRequest<T>(request: UnionPayMessage, read: (fields: UnionPayFields) => T): Promise<T>;
  async #batchRequest<T>(request: UnionPayMessage, read?: (fields: UnionPayFields) => T): Promise<T | undefined> {
    try {
      this.#checkReady();
      return await this.#exchange(request, this.#settlement.mac, ({ mti, fields }) => {
        const code = fields[39] ?? "absent";
        // Some banks answer a settlement by its results alone.
        const answered = code === "00" || (mti === "0510" && code === "absent" && fields[48] !== undefined);
        if (answered) return read?.(fields);
        if (responseCodes[code]?.follows === "sign-on") void this.#signOn();
        throw new AcquirerRequestRefused({ detail: `MTI ${request.mti}, field 39 is ${code}` });
      });
    } finally {
      wipeMessage(request);
    }
  }

  #transactionReply({ fields }: UnionPayMessage, amount: string | undefined): TransactionReply {
    const { 13: bankDate, 37: retrievalReference, 38: approvalCode, 39: responseCode = "absent" } = fields;
    const meaning: ResponseCode | undefined = responseCodes[responseCode];
    switch (meaning?.follows) {
      case "approved":
        if (fields[4] !== amount) {
          const cause = new AcquirerReplyMismatch({ detail: "field 4" });
          this.#count(cause);
          throw new AcquirerOutcomeUnknown({ detail: "another amount", reversalReason: "06", cause });
        }
        return {
          kind: "approved",
          ...(approvalCode !== undefined && AUTHORISATION_CODE.test(approvalCode) && { approvalCode }),
          ...(retrievalReference !== undefined && { retrievalReference }),
          ...(bankDate !== undefined && { bankDate }),
        };
      case "declined":
      case "retry":
      case "enter-pin-again":
        return { kind: "declined", responseCode };
      case "sign-on":
        void this.#signOn();
        return { kind: "declined", responseCode };
      case "reverse":
        throw new AcquirerOutcomeUnknown({ detail: `field 39 is ${responseCode}`, reversalReason: "98" });
      case undefined:
        throw new AcquirerOutcomeUnknown({ detail: `field 39 is ${responseCode}`, reversalReason: "06" });
    }
  }

  /** Its copies of track and PIN block are overwritten when it returns. @throws AcquirerUnreachable | AcquirerRequestNotSent */
  #sendTransaction<N extends TransactionName>(name: N, transaction: Transaction<N>): Promise<TransactionReply> {
    let message: UnionPayMessage | undefined;
    try {
      message = transactionRequest(this.#options, name, transaction);
      const amount = message.fields[4];
      return this.#exchange(message, true, (reply) => this.#transactionReply(reply, amount));
    } catch (cause) {
      if (cause instanceof AcquirerUnreachable) throw cause;
      this.#count(cause);
      throw new AcquirerRequestNotSent({ cause });
    } finally {
      if (message) wipeMessage(message);
    }
  }

  /**
   * Sends a request. What it throws, it throws before anything was sent; the promise rejects only after.
   * @param read takes what is wanted out of the reply that belongs to it, its MAC checked: it is wiped then
   */
  #exchange<T>(request: UnionPayMessage, sealed: boolean, read: (reply: UnionPayMessage) => T): Promise<T> {
    const { keys, replyTimeout } = this.#options;
    const wire = this.#codec.build(request, sealed ? (covered) => keys.acquirerMac(covered) : undefined);
    try {
      if (!this.#connection.writable) throw new AcquirerUnreachable();
      const replying = this.#pending.expect(replyKey(replyMti(request.mti), request), replyTimeout);
      this.#connection.send(wire);
      return replying.then((reply) => {
        try {
          return read(reply);
        } finally {
          wipeMessage(reply);
        }
      });
    } finally {
      wire.fill(0);
    }
  }

  #take(bytes: Uint8Array): void {
    this.#watchIdle();
    try {
      const message = this.#parsed(bytes);
      if (message) this.#takeMessage(bytes, message);
    } finally {
      bytes.fill(0);
    }
  }

  #parsed(bytes: Uint8Array): UnionPayMessage | undefined {
    try {
      return this.#codec.parse(bytes);
    } catch (error) {
      this.#count(error);
      return undefined;
    }
  }

  #takeMessage(bytes: Uint8Array, message: UnionPayMessage): void {
    const waiter = this.#pending.take(replyKey(message.mti, message));
    if (!waiter) {
      this.#takeLate(bytes, message);
      wipeMessage(message);
      return;
    }
    if (!this.#needsMac(message) || this.#macIsRight(bytes, message)) {
      waiter.resolve(message);
      return;
    }
    const { mti } = message;
    const isSealed = message.fields[64] !== undefined;
    wipeMessage(message);
    const cause = new AcquirerMacInvalid({ detail: `MTI ${mti}, ${isSealed ? "wrong" : "absent"}` });
    this.#count(cause);
    waiter.reject(new AcquirerOutcomeUnknown({ detail: "wrong MAC", reversalReason: "A0", cause }));
    void this.#signOn();
  }

  /** Network management carries none: a sign-on's reply is what brings the key. */
  #needsMac({ mti, fields }: UnionPayMessage): boolean {
    if (mti.startsWith("08")) return false;
    if (fields[64] !== undefined) return true;
    if (mti === "0510" || mti === "0330") return this.#settlement.mac;
    return !this.#options.declinesWithoutMac || responseCodes[fields[39] ?? ""]?.follows === "approved";
  }

  #macIsRight(bytes: Uint8Array, message: UnionPayMessage): boolean {
    return macIsRight(bytes, message, (covered) => this.#options.keys.acquirerMac(covered), this.#codec);
  }

  /**
   * A reply that nobody waits for. Only one whose MAC is right is believed. Of a reversal, advice or settlement nothing
   * follows from it: those are repeated until one comes in time.
   */
  #takeLate(bytes: Uint8Array, message: UnionPayMessage): void {
    const { mti, fields } = message;
    this.#count(new AcquirerReplyUnmatched({ detail: `MTI ${mti}` }));
    if (mti !== "0210" || this.#pending.isAnswered(replyKey(mti, message)) || !this.#macIsRight(bytes, message)) return;
    const approved = responseCodes[fields[39] ?? ""]?.follows === "approved";
    this.#onLateReply({ batch: Number(batchOf(message)), trace: Number(fields[11]), approved });
  }

  /** Gets new working keys. Until it has them nothing is sent under the old ones. */
  async #signOn(): Promise<void> {
    if (this.#signingOn) return;
    this.#signingOn = true;
    this.#setReady(false);
    try {
      const request = signOnRequest(this.#options, this.#nextNetworkTrace());
      const batch = await this.#exchange(request, false, (reply) => {
        const { fields } = reply;
        if (fields[39] !== "00" || !fields[62]) {
          throw new AcquirerSignOnRefused({ detail: `field 39 is ${fields[39] ?? "absent"}` });
        }
        this.#options.keys.loadWorkingKeys(fields[62]);
        return Number(batchOf(reply));
      });
      if (batch > 0) this.#options.onBatch?.(batch);
      this.#signOns++;
      this.#connection.confirm();
      this.#watchIdle();
      this.#setReady(true);
    } catch (error) {
      this.#count(error);
      this.#connection.drop();
    } finally {
      this.#signingOn = false;
    }
  }

  #watchIdle(): void {
    this.#idle?.cancel();
    this.#idle = this.#options.clock.after(this.#options.idleAfter, () => void this.#echo());
  }

  async #echo(): Promise<void> {
    if (!this.#ready) return;
    try {
      await this.#exchange(echoRequest(this.#options, this.#nextNetworkTrace()), false, () => {});
    } catch (error) {
      this.#count(error);
      this.#connection.drop();
    }
  }

  #down(): void {
    this.#idle?.cancel();
    this.#setReady(false);
    this.#pending.abandonAll();
  }

  #setReady(ready: boolean): void {
    if (ready === this.#ready) return;
    this.#ready = ready;
    this.#options.logger.info(ready ? "signed on to the bank" : "not signed on to the bank");
    this.#options.onStatus?.({ ready, since: this.#options.clock.now() });
  }

  #checkReady(): void {
    if (!this.#ready) throw new AcquirerUnreachable();
  }

  #nextNetworkTrace(): number {
    this.#networkTrace = (this.#networkTrace % MAX_TRACE) + 1;
    return this.#networkTrace;
  }

  #count(error: unknown): void {
    const failure = error instanceof SwipewireError ? (error as Failure<string>) : undefined;
    const code = failure?.code ?? "acquirer_fault";
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
    // A failure's message holds places and sizes only; of any other error not even the message is known to be clean.
    this.#options.logger.warn({ code, detail: failure?.message }, "a message to or from the bank failed");
  }
}

const withoutCard = ({ original, ...request }: GiveBackRequest) => ({
  ...request,
  pin: false as const,
  cardAbsent: true as const,
  retrievalReference: original.retrievalReference,
  slip: { batch: original.batch, trace: original.trace, date: original.bankDate },
});

const replyKey = (mti: string, { fields }: UnionPayMessage) => `${mti} ${fields[41]} ${fields[11]}`;
