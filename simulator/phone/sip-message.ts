/** What a callee needs of SIP requests and responses (RFC 3261 7). */
export interface SipMessage {
  /** The first line. */
  readonly start: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: string;
}

/** Header fields that a response takes over from its request (RFC 3261 8.2.6.2, 12.1.1). */
const COPIED = new Set(["via", "from", "to", "call-id", "cseq", "record-route"]);

export function readSip(datagram: Buffer): SipMessage {
  const [head = "", ...rest] = datagram.toString("latin1").split("\r\n\r\n");
  const [start = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return { name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() };
  });
  return { start, headers, body: rest.join("\r\n\r\n") };
}

export const headerOf = ({ headers }: SipMessage, name: string): string =>
  headers.find((header) => header.name === name)?.value ?? "";

export const methodOf = ({ start }: SipMessage): string => start.split(" ", 1)[0] ?? "";

export interface ResponseParts {
  /** Of ours, for the To field of a request that has none. */
  readonly tag: string;
  readonly contact?: string;
  readonly sdp?: string;
}

export function sipResponse(request: SipMessage, status: string, { tag, contact, sdp }: ResponseParts): string {
  const headers = request.headers
    .filter(({ name }) => COPIED.has(name))
    .map(({ name, value }) => `${name}: ${name === "to" && !/;tag=/i.test(value) ? `${value};tag=${tag}` : value}`);
  return sipText(`SIP/2.0 ${status}`, [...headers, ...(contact === undefined ? [] : [`Contact: <${contact}>`])], sdp);
}

export function sipText(start: string, headers: readonly string[], sdp = ""): string {
  const type = sdp === "" ? [] : ["Content-Type: application/sdp"];
  return [start, ...headers, ...type, `Content-Length: ${sdp.length}`, "", sdp].join("\r\n");
}
