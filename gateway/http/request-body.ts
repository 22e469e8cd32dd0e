import { reader } from "@swipewire/protocol/messages/parse";
import type { FastifyRequest } from "fastify";
import type Type from "typebox";

/** No request of the API is larger, in bytes. */
export const BODY_LIMIT = 16_384;

/**
 * A function that reads a request's body as the schema's type.
 * @throws MessageTooLarge | MessageNotJson | MessageInvalid
 */
export function bodyReader<S extends Type.TSchema>(schema: S): (request: FastifyRequest) => Type.Static<S> {
  const read = reader(schema, BODY_LIMIT);
  return ({ body }) => read(body instanceof Uint8Array ? body : new Uint8Array());
}
