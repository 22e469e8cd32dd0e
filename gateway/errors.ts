import { failure } from "@swipewire/protocol/failure";

// Store.

export class StoreNotOpened extends failure("store_not_opened", {
  what: "The gateway's database could not be opened.",
  means: "The gateway did not start.",
  todo: "Check that the path is right and writable, and that no older release is started on a newer database.",
}) {}

// Orders.

export class OrderUnknown extends failure("order_unknown", {
  what: "There is no such order.",
  means: "Nothing was changed.",
  todo: "Check the order's id or link.",
}) {}

export class OrderNumberTaken extends failure("order_number_taken", {
  what: "This merchant already has an order with this order number.",
  means: "No second order was made.",
  todo: "Look the order up by its number, or use a new number.",
}) {}

export class OrderBeingPaid extends failure("order_being_paid", {
  what: "A payment of this order is under way.",
  means: "Nothing was changed; the payment goes on.",
  todo: "Wait for its result, which takes two minutes at most, and look again.",
}) {}

export class OrderPaid extends failure("order_paid", {
  what: "This order is paid.",
  means: "It can't be paid again or cancelled.",
  todo: "Nothing more is to be done.",
}) {}

export class OrderExpired extends failure("order_expired", {
  what: "The time to pay this order is over.",
  means: "It can no longer be paid. Nothing was charged.",
  todo: "Place a new order.",
}) {}

export class OrderCancelled extends failure("order_cancelled", {
  what: "The merchant cancelled this order.",
  means: "It can no longer be paid. Nothing was charged.",
  todo: "Ask the merchant, or place a new order.",
}) {}

export class OrderNotBeingPaid extends failure("order_not_being_paid", {
  what: "A payment ended of an order that was not being paid.",
  means: "This is a fault in the program; nothing was changed.",
  todo: "Report it with the log around it.",
}) {}

export class OrderCodeUnknown extends failure("order_code_unknown", {
  what: "No order can be paid under this transaction code.",
  means: "The code is mistyped, expired or used. Nothing was charged.",
  todo: "Check the code, or ask for it again where the order was placed.",
}) {}

export class OrderCodeLocked extends failure("order_code_locked", {
  what: "Too many wrong transaction codes were entered on this terminal.",
  means: "It takes no codes for a quarter of an hour.",
  todo: "Wait, or use another terminal.",
}) {}

export class OrderCodesExhausted extends failure("order_codes_exhausted", {
  what: "No free transaction code was found.",
  means: "Almost all codes of this length are in use.",
  todo: "Give transaction codes more digits.",
}) {}

export class IdempotencyKeyMissing extends failure("idempotency_key_missing", {
  what: "The request has no usable Idempotency-Key header.",
  means: "No order was made.",
  todo: "Send a header of 1 to 255 visible ASCII characters, a new one for each order.",
}) {}

export class IdempotencyKeyReused extends failure("idempotency_key_reused", {
  what: "This Idempotency-Key was used before with another request.",
  means: "No order was made.",
  todo: "Use a new key for each order, and the same key only to repeat the same request.",
}) {}

// Ledger.

export class LedgerUnbalanced extends failure("ledger_unbalanced", {
  what: "The entries of the ledger do not sum to zero.",
  means: "Money was booked on one side only; no balance can be trusted until it is found.",
  todo: "Stop the gateway, keep the database, and report it.",
}) {}

// Notifications.

export class WebhookRefused extends failure("webhook_refused", {
  what: "The merchant's server did not answer a webhook with a 2xx status.",
  means: "The event is sent again later.",
  todo: "Look into the merchant's server; redirects are not followed.",
}) {}

export class WebhookTimedOut extends failure("webhook_timed_out", {
  what: "The merchant's server did not answer a webhook in time.",
  means: "The event is sent again later.",
  todo: "Answer a webhook first and act on it after.",
}) {}

export class WebhookUnreachable extends failure("webhook_unreachable", {
  what: "The merchant's server could not be reached for a webhook.",
  means: "The event is sent again later.",
  todo: "Check the webhook URL and that its server is up.",
}) {}
