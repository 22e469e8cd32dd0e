import { MessageTooLarge } from "@swipewire/protocol/errors";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { HttpFailure } from "@swipewire/protocol/messages/merchant-api";
import { GatewayFault, HttpMediaTypeUnsupported, HttpRequestMalformed } from "../errors.ts";

/** Every failure that the API answers with, and its status. What is not here is the gateway's own fault: 500. */
const STATUS: Readonly<Record<string, number>> = {
  message_not_json: 400,
  message_invalid: 400,
  message_too_large: 413,
  http_request_malformed: 400,
  http_route_unknown: 404,
  http_method_not_allowed: 405,
  http_media_type_unsupported: 415,
  http_too_many_requests: 429,
  api_key_refused: 401,
  idempotency_key_missing: 400,
  idempotency_key_reused: 422,
  order_unknown: 404,
  order_number_taken: 409,
  order_currency_unsupported: 422,
  order_being_paid: 409,
  order_paid: 409,
  order_not_paid: 409,
  refund_exceeds_paid: 422,
  refund_original_unknown: 409,
  order_cancelled: 410,
  order_expired: 410,
  order_codes_exhausted: 503,
  enrolment_token_invalid: 403,
  enrolment_key_unsuitable: 422,
  enrolment_without_request: 422,
  certificate_request_invalid: 422,
  certificates_not_signed: 404,
};

/** What fastify itself refuses a request for. */
const OF_FASTIFY: Readonly<Record<string, () => SwipewireError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new MessageTooLarge(),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new HttpMediaTypeUnsupported(),
};

/** The failure that the client is told, and its status. An error that is none of ours is told without its words. */
export function answerTo(error: unknown): { status: number; failure: SwipewireError } {
  const failure = asFailure(error);
  const status = STATUS[failure.code];
  return status === undefined ? { status: 500, failure: new GatewayFault() } : { status, failure };
}

function asFailure(error: unknown): SwipewireError {
  if (error instanceof SwipewireError) return error;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  const known = typeof code === "string" ? OF_FASTIFY[code] : undefined;
  if (known) return known();
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) return new HttpRequestMalformed();
  return new GatewayFault();
}

export function failureBody(failure: SwipewireError): HttpFailure {
  const { what, means, todo } = failure.text;
  // The message is `what`, with the detail in brackets where there is one.
  const detail = failure.message === what ? undefined : failure.message.slice(what.length + 2, -1);
  return { error: { code: failure.code, what, means, todo, ...(detail !== undefined && { detail }) } };
}
