import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { GatewayConfig } from "@swipewire/gateway/config/config-schema";
import type { SessionCommand, SessionView } from "@swipewire/protocol/messages/local-session";
import type { MerchantOrder } from "@swipewire/protocol/messages/merchant-api";
import { systemRandom } from "@swipewire/protocol/random";
import { Millis, systemClock } from "@swipewire/protocol/time";
import type { Books, JournalEntry } from "@swipewire/simulator/bank/books";
import { type TestCard, testCard } from "@swipewire/simulator/cards/test-cards";
import type { System } from "@swipewire/simulator/demo/system";
import { type PayerScript, typingPayer } from "@swipewire/simulator/phone/payer";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import type { Shop } from "@swipewire/simulator/shop/shop";
import { type Logger, pino } from "pino";

export const clock = systemClock;
export const random = systemRandom;
export const PHONE = "+8613800000000";

interface Teardown {
  teardown(action: () => unknown): void;
}

/** A new folder, removed after the test. */
export async function emptyFolder(t: Teardown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "swipewire-test-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A logger at its most talkative, and what it wrote. */
export function recordingLogger(): { readonly logger: Logger; readonly written: () => Buffer } {
  const chunks: Buffer[] = [];
  const logger = pino(
    { level: "trace" },
    new Writable({
      write(chunk, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    }),
  );
  return { logger, written: () => Buffer.concat(chunks) };
}

/** A logger, and what resolves the next time that its log holds a text. */
export function listeningLogger() {
  const waiting = new Map<string, () => void>();
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const [text, heard] of waiting) if (String(chunk).includes(text)) heard();
      done();
    },
  });
  return {
    logger: pino({ level: "info" }, stream),
    heard: (text: string) => new Promise<void>((resolve) => void waiting.set(text, resolve)),
  };
}

/** The gateway reaches the bank by this port in place of its own. */
export const throughLine = (config: GatewayConfig, port: number): GatewayConfig => ({
  ...config,
  acquirer: { ...config.acquirer, port },
});

export interface TerminalSession {
  view(): SessionView;
  onChange(listener: (view: SessionView) => void): () => void;
  command(command: SessionCommand): SessionView;
}

/** The first view that fits, now or later. */
export function untilView(session: TerminalSession, fits: (view: SessionView) => boolean): Promise<SessionView> {
  return new Promise((resolve) => {
    const look = (view: SessionView) => {
      if (!fits(view)) return;
      stop();
      resolve(view);
    };
    const stop = session.onChange(look);
    look(session.view());
  });
}

export const untilStep = (session: TerminalSession, step: SessionView["step"]) =>
  untilView(session, (view) => view.step === step);

/** A payer at a terminal: enters the code, swipes, gives a phone number, and types the PIN when called. */
export interface Payer {
  readonly session: TerminalSession;
  readonly shop: Shop;
  /** Hands a frame to the terminal's reader. */
  deliver(frame: Uint8Array): void;
}

const reader = virtualReader("magtek-magnesafe", {
  bdk: PUBLISHED_BDK,
  ksn: Uint8Array.from(Buffer.from("FFFF9876543210E00008", "hex")),
});

/** Takes the call at once and types the card's PIN. */
export const pinOf = ({ pin }: TestCard): PayerScript =>
  typingPayer(Uint8Array.of(...(pin ?? []), 0x23), Millis(1), Millis(1));

/** Everything up to the sending of the swipe; what follows is the caller's to watch. */
export async function swipeFor(
  { session, shop, deliver }: Payer,
  order: MerchantOrder,
  card: TestCard = testCard("unionpay-debit"),
  frame: Uint8Array = reader.nextFrame(card),
  phone = PHONE,
): Promise<void> {
  const { code } = await shop.transactionCode(order);
  session.command({ do: "enter-code", code });
  await untilStep(session, "confirm");
  session.command({ do: "confirm" });
  await untilStep(session, "swipe");
  deliver(frame);
  await untilStep(session, "card");
  if (!card.pin) {
    session.command({ do: "card", pin: false });
    return;
  }
  session.command({ do: "card", pin: true, phone });
}

/** Pays for an order once the terminal has its gateway. @returns what the terminal shows then; it is free again */
export async function payOnce({
  shop,
  phones,
  daemon: { session },
  transport,
}: System): Promise<SessionView["result"]> {
  const card = testCard("unionpay-debit");
  phones.phone(PHONE).script = pinOf(card);
  await untilView(session, (view) => view.gateway);
  const order = await shop.placeOrder(newOrder("T-1"));
  await swipeFor({ session, shop, deliver: (frame) => transport.deliver(frame) }, order, card);
  const { result } = await untilStep(session, "result");
  session.command({ do: "finish" });
  return result;
}

export const newOrder = (orderNumber: string, amount = 10_000) => ({
  orderNumber,
  product: "One cup of tea",
  amount,
  currency: "CNY",
});

/** The bank's next entry of this kind. */
export const untilEntry = (books: Books, kind: JournalEntry["kind"]): Promise<JournalEntry> =>
  new Promise((resolve) => {
    books.onEntry((entry) => {
      if (entry.kind === kind) resolve(entry);
    });
  });
