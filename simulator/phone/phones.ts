import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { reader } from "@swipewire/protocol/messages/parse";
import { type PhoneEvent, PhoneRequest } from "@swipewire/protocol/messages/simulated-phone";
import type { Clock } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { Phone } from "./phone.ts";

const MAX_REQUEST = 4_096;

const readRequest = reader(PhoneRequest, MAX_REQUEST);

export interface PhonesOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Hears of each phone when its number is first used. */
  readonly onPhone?: (phone: Phone) => void;
}

export interface Phones {
  /** `ws://…`, where a gateway's simulated voice and SMS channels connect. */
  readonly url: string;
  readonly port: number;
  /** The phone of this number; every number has one. */
  phone(number: string): Phone;
  close(): Promise<void>;
}

/** A telephone network with all its phones, for whoever wants to be called without paying for it. */
export async function startPhones({ host, port, clock, logger, onPhone }: PhonesOptions): Promise<Phones> {
  const phones = new Map<string, Phone>();
  const phone = (number: string): Phone => {
    const known = phones.get(number);
    if (known) return known;
    const fresh = new Phone(number, clock);
    phones.set(number, fresh);
    onPhone?.(fresh);
    return fresh;
  };

  const serve = (caller: WebSocket) => {
    /** Calls of this caller, by id. */
    const called = new Map<string, Phone>();
    const tell = (event: PhoneEvent) => {
      if (event.event === "ended") called.delete(event.call);
      if (caller.readyState === caller.OPEN) caller.send(JSON.stringify(event));
    };
    const act = (request: PhoneRequest) => {
      if (request.do === "sms") phone(request.to).deliver(request.text);
      else if (request.do === "hangup") called.get(request.call)?.disconnect(request.call);
      else {
        called.set(request.call, phone(request.to));
        phone(request.to).ring(request.call, tell);
      }
    };
    caller.on("message", (data: RawData) => {
      try {
        act(readRequest(data as Buffer));
      } catch (failure) {
        logger.warn(
          { code: failure instanceof Error && "code" in failure ? failure.code : undefined },
          "request dropped",
        );
      }
    });
    caller.on("error", () => {});
    caller.on("close", () => {
      for (const [call, ringing] of [...called]) ringing.disconnect(call);
    });
  };

  const server = new WebSocketServer({ host, port, maxPayload: MAX_REQUEST });
  server.on("connection", serve);
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  return {
    url: `ws://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    phone,
    async close() {
      for (const caller of server.clients) caller.terminate();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
