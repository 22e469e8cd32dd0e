import { connect } from "node:net";
import type { Duplex } from "node:stream";

/**
 * Begins a connection to the bank. It emits `connect` once it is up, and `close` when it is over, `error` before that
 * where there was one. Nothing is written to it before it is up.
 */
export type Dial = () => Duplex;

export interface BankAddress {
  readonly host: string;
  readonly port: number;
}

/** By TCP. */
export const dialTcp =
  ({ host, port }: BankAddress): Dial =>
  () =>
    connect({ host, port, noDelay: true, keepAlive: true });
