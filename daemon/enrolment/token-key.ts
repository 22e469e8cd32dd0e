import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { DaemonConfig } from "../config/config-schema.ts";
import { TokenKeyUnusable } from "../errors.ts";
import type { KeptCertificate } from "../state/certificate.ts";
import { readPrivateFile } from "../state/private-file.ts";

/** A PKCS#11 token, a TPM too, that the terminal's key for its certificate is made in and never leaves. */
export type TokenPlace = NonNullable<DaemonConfig["certificateKey"]>;

/** What TLS signs with in place of a key: OpenSSL's engine for PKCS#11, which the system has. */
export interface TokenKey {
  readonly privateKeyEngine: string;
  readonly privateKeyIdentifier: string;
}

const ENGINE = "pkcs11";
const LABEL = "swipewire-terminal";
const PROGRAM = "pkcs11-tool";
const PIN_VARIABLE = "SWIPEWIRE_TOKEN_PIN";
/** Debian's names of processors, for where it keeps engines. */
const TRIPLETS: Readonly<Record<string, string>> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };

/** RFC 7512. The PIN is read where it is needed, by the engine itself. */
const uriOf = ({ token, pinFile }: TokenPlace) =>
  `pkcs11:token=${encodeURIComponent(token)};object=${LABEL};type=private?pin-source=file:${encodeURI(pinFile)}`;

/** The token's key, for TLS. */
export function tokenKey(place: TokenPlace): TokenKey {
  // What the engine, and OpenSSL's loader of engines, are told by.
  process.env["PKCS11_MODULE_PATH"] = place.module;
  process.env["OPENSSL_ENGINES"] ??= `/usr/lib/${TRIPLETS[process.arch] ?? process.arch}/engines-3`;
  return { privateKeyEngine: ENGINE, privateKeyIdentifier: uriOf(place) };
}

/** What TLS is given to show a certificate by. */
export function shownKey({ key }: Pick<KeptCertificate, "key">, place: TokenPlace | undefined): string | TokenKey {
  if (typeof key === "string") return key;
  if (!place) throw new TokenKeyUnusable({ detail: "no certificateKey in the config" });
  return tokenKey(place);
}

/** Signs by the token's key. */
export interface TokenSigner {
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Uint8Array;
  /** @param digest SHA-256 @returns an ECDSA signature in DER */
  sign(digest: Uint8Array): Promise<Uint8Array>;
}

/**
 * The token's key, which is made where it is not there. By `pkcs11-tool`, for Node can't sign by a token but in TLS.
 * @throws TokenKeyUnusable | StateFileExposed | StateFolderUnusable
 */
export async function tokenSigner(place: TokenPlace): Promise<TokenSigner> {
  const pin = await readPrivateFile(place.pinFile);
  if (pin === undefined) throw new TokenKeyUnusable({ detail: `no file ${place.pinFile}` });
  // The engine would take it for a part of the PIN.
  if (/\s/.test(pin)) throw new TokenKeyUnusable({ detail: `white space or a line's end in ${place.pinFile}` });
  const labelled = ["--label", LABEL];
  const keys = await tool(place, pin, ["--list-objects", "--type", "privkey", ...labelled]);
  if (!keys.includes(LABEL)) {
    await tool(place, pin, ["--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign", ...labelled]);
  }
  const signing = ["--sign", "--mechanism", "ECDSA", "--signature-format", "openssl", ...labelled];
  return {
    publicKey: await tool(place, pin, ["--read-object", "--type", "pubkey", ...labelled]),
    sign: (digest) => tool(place, pin, signing, digest),
  };
}

/** The PIN is no argument, which every user of the machine could read. */
async function tool(
  { module, token }: TokenPlace,
  pin: string,
  args: readonly string[],
  input: Uint8Array = new Uint8Array(),
): Promise<Buffer> {
  const place = ["--module", module, "--token-label", token, "--login", "--pin", `env:${PIN_VARIABLE}`];
  const options = { env: { ...process.env, [PIN_VARIABLE]: pin }, encoding: "buffer" as const };
  const running = promisify(execFile)(PROGRAM, [...place, ...args], options);
  // One that ends before it has read everything says why by its status.
  running.child.stdin?.on("error", () => {}).end(input);
  try {
    return (await running).stdout;
  } catch (cause) {
    const { code } = cause as { readonly code?: unknown };
    // What it wrote may hold anything.
    throw new TokenKeyUnusable({ detail: code === "ENOENT" ? `${PROGRAM} is not installed` : `${PROGRAM}: ${code}` });
  }
}
