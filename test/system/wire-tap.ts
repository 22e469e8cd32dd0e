import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy on loopback that keeps a copy of every byte in both directions and can cut the line. */
export interface WireTap {
  readonly port: number;
  /** Everything that has passed, all connections end to end. */
  recorded(): Buffer;
  /** While true, what the far end says is lost on the way. */
  deaf: boolean;
  /** Breaks every open connection, as a pulled cable would. New ones are accepted. */
  cut(): void;
  close(): Promise<void>;
}

/** `target` is asked for at every connection, so that what stands behind may come back on another port. */
export async function tapWire(target: () => number): Promise<WireTap> {
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const state = { deaf: false };
  const server = createServer((near) => {
    const far = connect(target(), "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (chunk) => {
        chunks.push(chunk);
        if (from === near || !state.deaf) to.write(chunk);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return Object.assign(state, {
    port: (server.address() as AddressInfo).port,
    recorded: () => Buffer.concat(chunks),
    cut,
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  });
}
