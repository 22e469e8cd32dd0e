import { readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { createSecureContext, type SecureContext, TLSSocket, connect as tlsConnect } from "node:tls";
import type { Failure } from "@swipewire/protocol/failure";
import { AcquirerCertificateRefused, AcquirerTlsFailed, AcquirerTlsUnusable } from "../errors.ts";

/**
 * Begins a connection to the bank. It emits `connect` once it is up (`secureConnect` where it is a TLS socket), and `close`
 * when it is over, `error` before that where there was one. Nothing is written to it before it is up.
 */
export type Dial = () => Duplex;

export interface BankAddress {
  readonly host: string;
  readonly port: number;
}

/** Paths of PEM files. */
export interface BankTls {
  /** What the bank's certificate must come from; no other authority is believed. */
  readonly ca: string;
  /** What this terminal shows of itself, with its key, where the bank asks for it. */
  readonly certificate?: string;
  readonly key?: string;
  /** The name in the bank's certificate, where it is not the host's. */
  readonly serverName?: string;
}

/** By TCP. */
export const dialTcp =
  ({ host, port }: BankAddress): Dial =>
  () =>
    connect({ host, port, noDelay: true, keepAlive: true });

/**
 * By TLS 1.2 or later. The bank's certificate is always checked.
 * @throws AcquirerTlsUnusable
 */
export async function dialTls(address: BankAddress, tls: BankTls): Promise<Dial> {
  const secureContext = await contextOf(tls);
  const { host, port } = address;
  const { serverName } = tls;
  return () => {
    const socket = tlsConnect({
      host,
      port,
      secureContext,
      rejectUnauthorized: true,
      ...(serverName !== undefined && { servername: serverName }),
    });
    return socket.setNoDelay(true).setKeepAlive(true);
  };
}

/** The event by which a connection says that messages may be written. */
export const upEvent = (stream: Duplex): string => (stream instanceof TLSSocket ? "secureConnect" : "connect");

/** What went wrong before a TLS connection was up; undefined where it was nothing that TLS does. */
export function tlsFailure(stream: Duplex, { code = "" }: NodeJS.ErrnoException): Failure<string> | undefined {
  if (!(stream instanceof TLSSocket)) return undefined;
  if (stream.authorizationError) return new AcquirerCertificateRefused({ detail: code });
  return code === "EPROTO" || code.startsWith("ERR_SSL") ? new AcquirerTlsFailed({ detail: code }) : undefined;
}

async function contextOf({ ca, certificate, key }: BankTls): Promise<SecureContext> {
  const pem = {
    ca: await read("ca", ca),
    ...(certificate !== undefined && { cert: await read("certificate", certificate) }),
    ...(key !== undefined && { key: await readPrivately("key", key) }),
  };
  try {
    // OpenSSL takes any text for an empty list of authorities.
    if (!pem.ca.includes("-----BEGIN CERTIFICATE-----")) throw new AcquirerTlsUnusable({ detail: "ca" });
    return createSecureContext({ ...pem, minVersion: "TLSv1.2" });
  } catch (cause) {
    if (cause instanceof AcquirerTlsUnusable) throw cause;
    throw new AcquirerTlsUnusable({ detail: (cause as NodeJS.ErrnoException).code ?? "not PEM" });
  } finally {
    pem.key?.fill(0);
  }
}

async function read(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new AcquirerTlsUnusable({ detail: `${what}, ${(cause as NodeJS.ErrnoException).code}` });
  }
}

async function readPrivately(what: string, path: string): Promise<Buffer> {
  const bytes = await read(what, path);
  const { mode } = await stat(path);
  // Windows has no such bits.
  if (process.platform === "win32" || (mode & 0o077) === 0) return bytes;
  bytes.fill(0);
  throw new AcquirerTlsUnusable({ detail: `${what}, mode ${(mode & 0o777).toString(8).padStart(4, "0")}, not 0600` });
}
