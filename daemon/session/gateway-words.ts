import type { SwipewireError } from "@swipewire/protocol/failure";
import type { SessionView } from "@swipewire/protocol/messages/local-session";

export type Problem = NonNullable<SessionView["problem"]>;

/** What the payer reads for a failure that this daemon noticed itself. */
export function problemOf({ code, text }: Pick<SwipewireError, "code" | "text">): Problem {
  return { code, text: `${text.what} ${text.means} ${text.todo}` };
}

const ORDER_WORDS: Readonly<Record<string, string>> = {
  order_code_unknown: "No order that can be paid has this code. Check the code and enter it again.",
  order_code_locked: "Too many wrong codes were entered here. Wait a quarter of an hour, then try again.",
};

/** What the payer reads when the gateway does not find an order, by the gateway's code. */
export function orderRefusal(code: string): Problem {
  return { code, text: ORDER_WORDS[code] ?? "The gateway cannot show this order. Nothing was charged. Try again." };
}
