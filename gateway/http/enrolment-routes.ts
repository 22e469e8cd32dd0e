import type { AuthorityReply } from "@swipewire/protocol/messages/certificates";
import { type EnrolmentReply, EnrolmentRequest } from "@swipewire/protocol/messages/enrolment";
import type { FastifyInstance } from "fastify";
import { CertificatesNotSigned } from "../errors.ts";
import { bodyReader } from "./request-body.ts";

/** Gives a terminal its identity for a one-time token. */
export type Enrolment = (request: EnrolmentRequest) => Promise<EnrolmentReply>;

const readEnrolment = bodyReader(EnrolmentRequest);

export interface EnrolmentServices {
  readonly enrol: Enrolment;
  /** The certificate, PEM, of who signs terminals' certificates; undefined where nobody does. */
  readonly authority: string | undefined;
}

export function enrolmentRoutes({ enrol, authority }: EnrolmentServices) {
  return (app: FastifyInstance): void => {
    const config = { rateLimit: { max: 10, timeWindow: "1 minute" } };

    app.get("/v1/certificate-authority", { config }, async (): Promise<AuthorityReply> => {
      if (authority === undefined) throw new CertificatesNotSigned();
      return { authority };
    });
    app.post("/v1/terminals", { config }, async (request, reply) =>
      reply.code(201).send(await enrol(readEnrolment(request))),
    );
  };
}
