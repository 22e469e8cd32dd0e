import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Aedes } from "aedes";

/** An MQTT broker that can be killed and come back on its port with nothing kept. */
export interface TestBroker {
  readonly url: string;
  /** Cuts every connection and forgets everything. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Acknowledges the next message that is not retained, and loses it. Resolves when it has. */
  loseNext(): Promise<void>;
  /** From now on takes messages without acknowledging any. */
  silence(): void;
}

/** @param password what clients have to log in with */
export async function startBroker(password: string): Promise<TestBroker> {
  let port = 0;
  let stop: () => Promise<void>;
  let lose: (() => void) | undefined;
  let silent = false;

  async function start(): Promise<void> {
    const aedes = await Aedes.createBroker({
      authenticate: (_client, _username, given, done) => {
        if (given?.toString() === password) done(null, true);
        else done(Object.assign(new Error("refused"), { returnCode: 5 }), false);
      },
      authorizePublish: (_client, _packet, done) => {
        if (!silent) done(null);
      },
      authorizeForward: (_client, packet) => {
        if (!lose || packet.retain) return packet;
        lose();
        lose = undefined;
        return null;
      },
      authorizeSubscribe: (_client, subscription, done) =>
        done(null, subscription.topic.startsWith("swipewire/1/") ? subscription : null),
    });
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      aedes.handle(socket);
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
    stop = async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, "close");
      server.close();
      await new Promise<void>((resolve) => aedes.close(resolve));
      await closed;
    };
  }

  await start();
  return {
    url: `mqtt://127.0.0.1:${port}`,
    kill: () => stop(),
    restart: start,
    loseNext: () =>
      new Promise((lost) => {
        lose = lost;
      }),
    silence() {
      silent = true;
    },
  };
}
