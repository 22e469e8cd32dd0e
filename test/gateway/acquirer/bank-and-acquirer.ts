import type { ChargeRequest, TransactionIdentity } from "@swipewire/gateway/acquirer/acquirer";
import { type Dial, dialTcp } from "@swipewire/gateway/acquirer/dial";
import { PosAcquirer, type PosAcquirerOptions } from "@swipewire/gateway/acquirer/pos-acquirer";
import type { KeyStore } from "@swipewire/gateway/keys/key-store";
import type { PosDialectName } from "@swipewire/protocol/iso8583/pos-codecs";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { Seconds } from "@swipewire/protocol/time";
import { type Bank, type ListeningBankOptions, startBank } from "@swipewire/simulator/bank/bank";
import { pino } from "pino";
import type { Test } from "tap";
import { linePair } from "../../line-pair.ts";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { testKeys } from "../keys/test-keys.ts";

export const ascii = (text: string) => new TextEncoder().encode(text);
export const TMK = Uint8Array.from(Buffer.from("CE31B0C2D38034706861B0AE86CE91D0", "hex"));
export const REPLY_TIMEOUT = Seconds(60);

/** Service code 220: a PIN is demanded. */
export const debit = {
  name: "debit",
  pan: ascii("6224242300000069"),
  pin: ascii("123456"),
  track2: ascii(";6224242300000069=29122201234567890?"),
};
/** Service code 201: none is. */
export const credit = {
  name: "credit",
  pan: ascii("6224242900000113"),
  pin: ascii("9876"),
  track2: ascii(";6224242900000113=29122011234567890?"),
};

/** Every line that any program of this process logged. */
export const logLines: string[] = [];
export const logger = pino(
  { level: "trace", base: null, timestamp: false },
  { write: (line: string) => void logLines.push(line) },
);

/** Which card data a text holds, and how it is written there. */
export const secretsIn = (text: string): string[] =>
  [debit, credit].flatMap(({ name, pan, pin, track2 }) =>
    Object.entries({ pan, pin, track: track2.subarray(1, -1) }).flatMap(([what, secret]) => {
      const raw = Buffer.from(secret);
      // The last base64 characters depend on what follows.
      const forms = {
        raw: raw.toString("latin1"),
        hex: raw.toString("hex"),
        base64: raw.toString("base64").slice(0, -4),
      };
      return Object.entries(forms).flatMap(([form, written]) =>
        written.length > 3 && text.toLowerCase().includes(written.toLowerCase()) ? [`${name} ${what} ${form}`] : [],
      );
    }),
  );

/** Turns the event loop until something holds: for what the network brings, beside simulated time. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await settle();
}

export async function keyStore(t: Test, terminalMasterKey = TMK): Promise<KeyStore> {
  return (await testKeys(t.testdir(), seededRandom(1), { terminalMasterKey })).store;
}

export async function bank(t: Test, clock: SimulatedClock, options: Partial<ListeningBankOptions> = {}): Promise<Bank> {
  const started = await startBank({
    cards: [debit, credit],
    tmk: TMK,
    clock,
    random: seededRandom(1),
    logger,
    host: "127.0.0.1",
    port: 0,
    ...options,
  });
  t.teardown(() => started.close());
  return started;
}

/** Joins a terminal and a bank without a network. */
export const dialInMemory =
  (bank: Bank): Dial =>
  () => {
    const [here, there] = linePair();
    bank.serve(there);
    queueMicrotask(() => here.emit("connect"));
    return here;
  };

/** @param to the bank's port, or a bank that is reached in memory */
export function acquirer(
  t: Test,
  clock: SimulatedClock,
  to: number | Bank,
  keys: KeyStore,
  options: Partial<PosAcquirerOptions> = {},
): PosAcquirer {
  const made = new PosAcquirer({
    dial: typeof to === "number" ? dialTcp({ host: "127.0.0.1", port: to }) : dialInMemory(to),
    tpdu: "6000030000",
    header: "603100310100",
    terminal: "10016919",
    merchant: "84329004582000B",
    keys,
    clock,
    random: seededRandom(2),
    logger,
    replyTimeout: REPLY_TIMEOUT,
    idleAfter: Seconds(600),
    ...options,
  });
  t.teardown(() => made.close());
  return made;
}

let traces = 0;
export const identity = (amount: number, more: Partial<TransactionIdentity> = {}): TransactionIdentity => ({
  trace: ++traces,
  batch: 1,
  amount,
  currency: "CNY",
  pin: false,
  ...more,
});

/** A charge of the card that needs no PIN. */
export const withoutPin = (amount: number, more: Partial<ChargeRequest> = {}): ChargeRequest => ({
  ...identity(amount),
  track2: SensitiveBytes.copyOf(credit.track2),
  ...more,
});

/** A charge of the card that needs one, made after the first sign-on. */
export function withPin(keys: KeyStore, amount: number, pin: Uint8Array = debit.pin): ChargeRequest {
  const pinBlock = keys.encryptPinBlock(SensitiveBytes.copyOf(pin), SensitiveBytes.copyOf(debit.pan));
  return { ...identity(amount, { pin: true }), track2: SensitiveBytes.copyOf(debit.track2), pinBlock, signOns: 1 };
}

/** The dialects that every suite of bank and acquirer runs on. */
export const suiteDialects = ["unionpay", "iso1987"] as const satisfies readonly PosDialectName[];

/** The above in one dialect. */
export function speaking(dialect: PosDialectName) {
  const startAcquirer: typeof acquirer = (t, clock, to, keys, options) =>
    acquirer(t, clock, to, keys, { dialect, ...options });
  const startOneBank: typeof bank = (t, clock, options) => bank(t, clock, { dialect, ...options });
  return {
    bank: startOneBank,
    acquirer: startAcquirer,
    /** A bank and a terminal signed on to it. */
    signedOn: async (t: Test, options: Partial<PosAcquirerOptions> = {}) => {
      const clock = new SimulatedClock();
      const host = await startOneBank(t, clock);
      const keys = await keyStore(t);
      const terminal = startAcquirer(t, clock, host.port, keys, options);
      await until(() => terminal.ready);
      return { clock, bank: host, keys, acquirer: terminal };
    },
  };
}
