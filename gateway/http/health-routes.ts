import type { FastifyInstance } from "fastify";

/** Is the gateway alive, and what of the world around it can it reach? */
export interface Health {
  /** Rejects when the store does not answer. */
  readonly checkStore: () => Promise<unknown>;
  readonly acquirerReady: () => boolean;
}

export function healthRoutes({ checkStore, acquirerReady }: Health) {
  return (app: FastifyInstance): void => {
    app.get("/healthz", async () => {
      await checkStore();
      // A bank out of reach is told, but no reason to restart the gateway.
      return { status: "ok", acquirer: acquirerReady() ? "ready" : "unreachable" };
    });
  };
}
