import { strict } from "@swipewire/protocol/messages/fields";
import { NewOrder, NewRefund } from "@swipewire/protocol/messages/merchant-api";
import { checker } from "@swipewire/protocol/messages/parse";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiKeyRefused, IdempotencyKeyMissing } from "../errors.ts";
import type { Merchants } from "../merchants/merchants.ts";
import type { Orders } from "../orders/orders.ts";
import type { Payments } from "../payments/payments.ts";
import type { Refunds } from "../refunds/refunds.ts";
import { bodyReader } from "./request-body.ts";

const readNewOrder = bodyReader(NewOrder);
const readNewRefund = bodyReader(NewRefund);
const checkOrderQuery = checker(strict({ orderNumber: NewOrder.properties.orderNumber }));

declare module "fastify" {
  interface FastifyRequest {
    /** Whose API key the request carries. */
    merchant: string;
  }
}

/** What a merchant's server does with its orders. */
export function merchantRoutes({
  merchants,
  orders,
  payments,
  refunds,
}: {
  merchants: Merchants;
  orders: Orders;
  payments: Pick<Payments, "cancelOrder">;
  refunds: Pick<Refunds, "request" | "list">;
}) {
  return (app: FastifyInstance): void => {
    app.decorateRequest("merchant", "");
    // Before the body is read: nobody without a key gets that far.
    const onRequest = async (request: FastifyRequest) => {
      request.merchant = await merchants.authenticate(bearerToken(request));
    };

    app.post("/v1/orders", { onRequest }, async (request, reply) => {
      const key = idempotencyKey(request);
      const { order, created } = await orders.create(request.merchant, readNewOrder(request), key);
      if (!created) reply.header("idempotency-replayed", "true");
      return reply.code(201).send(order);
    });

    app.get("/v1/orders", { onRequest }, async (request) => ({
      orders: await orders.list(request.merchant, checkOrderQuery(request.query)),
    }));

    app.get<OrderParams>("/v1/orders/:order", { onRequest }, (request) =>
      orders.get(request.merchant, request.params.order),
    );

    app.post<OrderParams>("/v1/orders/:order/cancel", { onRequest }, (request) =>
      payments.cancelOrder(request.merchant, request.params.order),
    );

    app.post<OrderParams>("/v1/orders/:order/refunds", { onRequest }, async (request, reply) => {
      const key = idempotencyKey(request);
      const { merchant, params } = request;
      const { refund, created } = await refunds.request(merchant, params.order, readNewRefund(request), key);
      if (!created) reply.header("idempotency-replayed", "true");
      return reply.code(201).send(refund);
    });

    app.get<OrderParams>("/v1/orders/:order/refunds", { onRequest }, async (request) => ({
      refunds: await refunds.list(request.merchant, request.params.order),
    }));
  };
}

interface OrderParams {
  Params: { order: string };
}

/** RFC 6750 2.1. */
function bearerToken(request: FastifyRequest): string {
  const token = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) throw new ApiKeyRefused();
  return token;
}

function idempotencyKey(request: FastifyRequest): string {
  const key = request.headers["idempotency-key"];
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,255}$/.test(key)) throw new IdempotencyKeyMissing();
  return key;
}
