import { EventEmitter, once } from "node:events";
import type { AddressInfo } from "node:net";
import {
  HttpFailure,
  IssuedTransactionCode,
  MerchantOrder,
  MerchantRefund,
  type NewOrder,
} from "@swipewire/protocol/messages/merchant-api";
import { checker } from "@swipewire/protocol/messages/parse";
import { WebhookEvent } from "@swipewire/protocol/messages/webhook";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import Fastify from "fastify";
import type { Logger } from "pino";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import { ShopNotConnected, ShopRequestRefused } from "../errors.ts";

export interface ShopOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly random: Random;
  readonly logger: Logger;
}

/** What the gateway told the merchant when it was added. */
export interface ShopAccount {
  readonly gatewayUrl: string;
  readonly apiKey: string;
  /** `whsec_…` */
  readonly webhookSecret: string;
}

/** A merchant's server: it places orders and is told by webhook what became of them. */
export interface Shop {
  /** Where it takes webhooks: to be given to the gateway before {@link Shop.connect}. */
  readonly webhookUrl: string;
  /** What it was told, each event once, in the order of arrival. */
  readonly events: readonly WebhookEvent[];
  /** Deliveries that arrived, also repeated, failed and refused ones. */
  readonly deliveries: number;
  /** Deliveries that were refused for their signature or form. */
  readonly refused: number;

  connect(account: ShopAccount): void;

  /** @throws ShopNotConnected | ShopRequestRefused */
  placeOrder(order: NewOrder, idempotencyKey?: string): Promise<MerchantOrder>;
  /** @throws ShopNotConnected | ShopRequestRefused */
  order(id: string): Promise<MerchantOrder>;
  /** Gives back `amount`, or all that is left of it. @throws as above */
  refund(order: MerchantOrder, amount?: number): Promise<MerchantRefund>;
  /** What the payer's browser asks for when the payer chose to swipe on another device. @throws as above */
  transactionCode(order: MerchantOrder): Promise<IssuedTransactionCode>;

  /** The first event that no earlier call was given; waits for it. */
  nextEvent(): Promise<WebhookEvent>;
  /** Answers the next deliveries with 503. */
  failNext(deliveries: number): void;
  close(): Promise<void>;
}

const checkOrder = checker(MerchantOrder);
const checkRefund = checker(MerchantRefund);
const checkCode = checker(IssuedTransactionCode);
const checkFailure = checker(HttpFailure);
const checkEvent = checker(WebhookEvent);

/** Starts a shop. It refuses webhooks until it is connected, since it can't verify them. */
export async function startShop({ host, port, random, logger }: ShopOptions): Promise<Shop> {
  const events: WebhookEvent[] = [];
  const seen = new Set<string>();
  const arrivals = new EventEmitter().setMaxListeners(0);
  let account: ShopAccount | undefined;
  let failures = 0;
  let deliveries = 0;
  let refused = 0;
  let given = 0;

  const app = Fastify({ bodyLimit: 65_536 });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.post<{ Body: Buffer }>("/webhooks", async (request, reply) => {
    deliveries++;
    if (failures > 0) {
      failures--;
      return reply.code(503).send();
    }
    // None of the headers that the signature needs may be repeated, so that none is a list.
    const headers = request.headers as Record<string, string>;
    let event: WebhookEvent;
    try {
      if (!account) throw new ShopNotConnected();
      event = checkEvent(new Webhook(account.webhookSecret).verify(request.body, headers));
    } catch (error) {
      refused++;
      logger.warn({ err: error }, "a webhook was refused");
      return reply.code(error instanceof WebhookVerificationError ? 401 : 400).send();
    }
    const id = headers["webhook-id"];
    if (id !== undefined && !seen.has(id)) {
      seen.add(id);
      events.push(event);
      arrivals.emit("event");
    }
    return reply.code(204).send();
  });
  await app.listen({ host, port });
  const { port: listening } = app.server.address() as AddressInfo;

  /** Asks the gateway, with the API key where `key` says so. */
  async function ask<T>(
    check: (value: unknown) => T,
    path: string,
    init: { method?: "POST"; key?: true; headers?: Record<string, string>; body?: string } = {},
  ): Promise<T> {
    if (!account) throw new ShopNotConnected();
    const { key, headers, ...rest } = init;
    const response = await fetch(`${account.gatewayUrl}${path}`, {
      ...rest,
      headers: { ...headers, ...(key && { authorization: `Bearer ${account.apiKey}` }) },
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new ShopRequestRefused({ detail: checkFailure(answer).error.code });
    return check(answer);
  }

  const post = <T>(check: (value: unknown) => T, path: string, body: unknown, idempotencyKey: string) =>
    ask(check, path, {
      method: "POST",
      key: true,
      headers: { "content-type": "application/json", "idempotency-key": idempotencyKey },
      body: JSON.stringify(body),
    });

  return {
    webhookUrl: `http://${host}:${listening}/webhooks`,
    events,
    get deliveries() {
      return deliveries;
    },
    get refused() {
      return refused;
    },
    connect(given) {
      account = given;
    },
    placeOrder: (order, idempotencyKey = randomUuid(random)) => post(checkOrder, "/v1/orders", order, idempotencyKey),
    refund: ({ order }, amount) =>
      post(checkRefund, `/v1/orders/${order}/refunds`, amount === undefined ? {} : { amount }, randomUuid(random)),
    order: (id) => ask(checkOrder, `/v1/orders/${id}`, { key: true }),
    transactionCode: (order) => ask(checkCode, `/v1/pay/${order.payToken}/transaction-code`, { method: "POST" }),
    async nextEvent() {
      const index = given++;
      for (;;) {
        const event = events[index];
        if (event) return event;
        await once(arrivals, "event");
      }
    },
    failNext(count) {
      failures = count;
    },
    close: () => app.close(),
  };
}
