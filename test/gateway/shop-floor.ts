import { Merchants } from "@swipewire/gateway/merchants/merchants";
import { Orders } from "@swipewire/gateway/orders/orders";
import { openStore } from "@swipewire/gateway/store/store";
import { randomUuid } from "@swipewire/protocol/random";
import type { Instant } from "@swipewire/protocol/time";
import { seededRandom } from "../seeded-random.ts";
import { SimulatedClock } from "../simulated-clock.ts";

export type ShopFloor = Awaited<ReturnType<typeof openShopFloor>>;

/** A store with one merchant and one terminal in it, and what places orders there. */
export async function openShopFloor({
  seed = 1,
  path = ":memory:",
  now,
}: {
  seed?: number;
  path?: string;
  now?: Instant;
} = {}) {
  const store = await openStore(path);
  const clock = new SimulatedClock(now);
  const random = seededRandom(seed);
  const merchants = new Merchants({ store, clock, random });
  const orders = new Orders({ store, clock, random });
  const account = await merchants.add({
    memberCode: "M-1",
    name: "Tea House",
    webhookUrl: "http://127.0.0.1:9/webhooks",
  });

  const addTerminal = async () => {
    const id = randomUuid(random);
    await store
      .insertInto("terminals")
      .values({ id, name: "kiosk", signing_key: "{}", password_hash: "", enrolled_at: clock.now(), revoked_at: null })
      .execute();
    return id;
  };
  const terminal = await addTerminal();

  let placed = 0;
  const placeOrder = async (merchant = account.merchant) => {
    const orderNumber = `N-${++placed}`;
    const { order } = await orders.create(
      merchant,
      { orderNumber, product: "Green tea", amount: 1_250, currency: "CNY" },
      `key-${orderNumber}`,
    );
    return order;
  };

  /** A payment's row, without the life that leads to its state. */
  const addPayment = async (orderId: string, state: "accepted" | "approved" | "declined" = "accepted") => {
    const id = randomUuid(random);
    const charged = state !== "accepted";
    await store
      .insertInto("payments")
      .values({
        id,
        order_id: orderId,
        terminal_id: terminal,
        state,
        reason: null,
        amount: 1_250,
        currency: "CNY",
        masked_pan: null,
        pin: 0,
        phone: null,
        trace: charged ? 1 : null,
        batch: charged ? 1 : null,
        reversal_reason: null,
        approval_code: null,
        retrieval_reference: null,
        created_at: clock.now(),
        state_since: clock.now(),
        owner: null,
        leased_until: null,
        cancel_cause: null,
        ruling: null,
      })
      .execute();
    return id;
  };

  return { store, clock, random, merchants, orders, account, terminal, addTerminal, placeOrder, addPayment };
}
