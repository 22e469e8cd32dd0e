import type { FastifyInstance } from "fastify";
import type { Orders } from "../orders/orders.ts";

interface PayParams {
  Params: { payToken: string };
}

/** What a payer's device does with an order: the pay token is its key. */
export function payRoutes({ orders }: { orders: Orders }) {
  return (app: FastifyInstance): void => {
    const config = { rateLimit: { max: 60, timeWindow: "1 minute" } };

    app.get<PayParams>("/v1/pay/:payToken", { config }, (request) => orders.viewForPayer(request.params.payToken));

    app.post<PayParams>("/v1/pay/:payToken/transaction-code", { config }, (request) =>
      orders.issueTransactionCode(request.params.payToken),
    );
  };
}
