import { type EnrolmentReply, EnrolmentRequest } from "@swipewire/protocol/messages/enrolment";
import type { FastifyInstance } from "fastify";
import { bodyReader } from "./request-body.ts";

/** Gives a terminal its identity for a one-time token. */
export type Enrolment = (request: EnrolmentRequest) => Promise<EnrolmentReply>;

const readEnrolment = bodyReader(EnrolmentRequest);

export function enrolmentRoutes({ enrol }: { enrol: Enrolment }) {
  return (app: FastifyInstance): void => {
    const config = { rateLimit: { max: 10, timeWindow: "1 minute" } };

    app.post("/v1/terminals", { config }, async (request, reply) =>
      reply.code(201).send(await enrol(readEnrolment(request))),
    );
  };
}
