/** How the SIP trunk is reached, as the config has checked it. */
export interface SipTrunk {
  /** A host name or an IPv4 address. */
  readonly domain: string;
  /** Without one, the trunk's DNS says where it is (RFC 3263), or it is the transport's own. */
  readonly port?: number;
  readonly transport: "udp" | "tcp" | "tls";
  /** Our number or name there. */
  readonly user: string;
  /** Without one, the trunk knows us by our address. */
  readonly password?: string;
  readonly register: boolean;
  /** SDES keys (RFC 4568), refused otherwise. They travel in the SIP messages, so only TLS keeps them. */
  readonly srtp: boolean;
}

const REGISTRATION_SECONDS = 600;
const CALL_PARAMETER = "swipewire-call";

/** The line for baresip's `accounts` file. */
export function accountLine({ user, password, register, srtp, ...server }: SipTrunk): string {
  return [
    `<sip:${user}@${hostOf(server)};transport=${server.transport}>`,
    `regint=${register ? REGISTRATION_SECONDS : 0}`,
    ...(password === undefined ? [] : [`auth_user=${user}`, `auth_pass=${password}`]),
    ...(srtp ? ["mediaenc=srtp-mand"] : []),
    // A REFER would have us call whomever the peer names.
    "call_transfer=no",
    "answermode=manual",
  ].join(";");
}

/**
 * The SIP URI of a call.
 * @param phone E.164, checked: whatever else got in here would be obeyed by baresip
 * @param call hexadecimal; tells this call from others to the same number. A parameter that a server does not know it
 * ignores (RFC 3261 19.1.1).
 */
export function callUri(trunk: SipTrunk, phone: string, call: string): string {
  // baresip adds the parameters of the account's own URI.
  return `sip:${phone}@${hostOf(trunk)};user=phone;${CALL_PARAMETER}=${call}`;
}

/** What {@link callUri} was given as `call`. */
export function callOf(uri: string): string | undefined {
  return new RegExp(`;${CALL_PARAMETER}=([0-9a-f]+)(?:;|$)`).exec(uri)?.[1];
}

const hostOf = ({ domain, port }: Pick<SipTrunk, "domain" | "port">) =>
  port === undefined ? domain : `${domain}:${port}`;
