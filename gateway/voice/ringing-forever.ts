import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** The header fields that a response takes over from its request (RFC 3261 8.2.6.2). */
const COPIED = /^(?:Via|From|To|Call-ID|CSeq):/i;

/**
 * A SIP callee on loopback that rings and never answers. The call to it is what baresip's `hangup` hits when the call it
 * was meant for has just ended by itself: without one it would be another payer's.
 */
export class RingingForever {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (request, { address, port }) => {
      for (const response of answer(request.toString("latin1"))) socket.send(response, port, address);
    });
    // An answer that gets lost is asked for again (RFC 3261 17.1.1.2).
    socket.on("error", () => {});
  }

  static async open(): Promise<RingingForever> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new RingingForever(socket);
  }

  get uri(): string {
    return `sip:ringing@127.0.0.1:${this.#socket.address().port};transport=udp`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

function answer(request: string): string[] {
  const [first = "", ...lines] = request.split("\r\n\r\n", 1).join("").split("\r\n");
  const headers = lines.filter((line) => COPIED.test(line)).map((line) => (/^To:/i.test(line) ? tagged(line) : line));
  const response = (status: string, cseq?: string) => {
    const own = cseq === undefined ? headers : headers.map((line) => line.replace(/^(CSeq:\s*\d+).*/i, `$1 ${cseq}`));
    return [`SIP/2.0 ${status}`, ...own, "Content-Length: 0", "", ""].join("\r\n");
  };
  switch (first.split(" ", 1)[0]) {
    case "INVITE":
      return [response("180 Ringing")];
    // RFC 3261 9.2: both the CANCEL and the INVITE it ends get a final response.
    case "CANCEL":
      return [response("200 OK"), response("487 Request Terminated", "INVITE")];
    default:
      return [];
  }
}

const tagged = (to: string) => (/;tag=/i.test(to) ? to : `${to};tag=ringing`);
