import type { FastifyInstance } from "fastify";
import type { Registry } from "prom-client";

/** `/metrics`, in the text format of Prometheus. */
export function metricsRoutes(registry: Registry) {
  return (app: FastifyInstance): void => {
    app.get("/metrics", async (_request, reply) => {
      reply.header("content-type", registry.contentType);
      return registry.metrics();
    });
  };
}
