import { readFile } from "node:fs/promises";
import { type Clock, Hours } from "@swipewire/protocol/time";
import { type Command, InvalidArgumentError } from "commander";
import { CertificateRequestInvalid } from "../errors.ts";
import type { KeyServices, OpenedKeys } from "../keys/open-keys.ts";
import type { Store } from "../store/store.ts";
import { revokedCertificates } from "./terminal-certificates.ts";

/** How long a broker takes a list of revoked certificates for up to date, in days. */
const LIST_DAYS = 7;

export interface CertificateCommands<Flags> extends KeyServices {
  readonly program: Command;
  /** Adds a command that takes the config's options. */
  readonly command: (parent: Command, name: string, description: string) => Command;
  /** Works on the store beside a gateway that may be running. */
  readonly withStore: <T>(flags: Flags, work: (store: Store) => Promise<T>) => Promise<T>;
  readonly openKeys: (flags: Flags) => Promise<OpenedKeys>;
  readonly clock: Clock;
  readonly say: (line: string) => void;
}

/** `certificates init | authority | broker | revoked`. */
export function addCertificateCommands<Flags>(around: CertificateCommands<Flags>): void {
  const { program, command, withStore, openKeys, clock, random, say } = around;
  const certificates = program.command("certificates").description("the authority that signs certificates");

  const opened = async <T>(flags: Flags, work: (keys: OpenedKeys) => Promise<T> | T): Promise<T> => {
    const keys = await openKeys(flags);
    try {
      return await work(keys);
    } finally {
      keys.close();
    }
  };
  const authorityOf = async ({ store }: OpenedKeys) => {
    // Loaded here, for ASN.1 takes its time.
    const { CertificateAuthority } = await import("./authority.ts");
    return new CertificateAuthority({ keys: store, random });
  };
  const print = (pem: string) => say(pem.trimEnd());

  command(certificates, "init", "make the key that signs certificates, in the key store").action((flags: Flags) =>
    opened(flags, async ({ custody }) => {
      const { checkValue } = await custody.makeAuthority();
      say(`The authority is made, check value ${checkValue}. Back up the key store.`);
    }),
  );
  command(certificates, "authority", "print the authority's certificate, PEM").action((flags: Flags) =>
    opened(flags, async (keys) => print((await authorityOf(keys)).certificate)),
  );
  command(certificates, "broker", "sign a certificate for a broker, and print it, PEM; good for a year")
    .requiredOption("--host <host>", "the name or address in the URL that terminals reach it by", hostName)
    .requiredOption("--request <file>", "its certification request (PKCS #10, PEM), as openssl req makes it")
    .action((flags: Flags & { host: string; request: string }) =>
      opened(flags, async (keys) => {
        const request = derOf(await readRequest(flags.request));
        print((await authorityOf(keys)).issueOnRequest(flags.host, request, clock.now()).pem);
      }),
    );
  command(certificates, "revoked", "print the list of revoked certificates, PEM, for a broker of your own")
    .option("--days <days>", "how long it is up to date; a broker whose list is older lets in nobody", days, LIST_DAYS)
    .action((flags: Flags & { days: number }) =>
      opened(flags, async (keys) => {
        const now = clock.now();
        const revoked = await withStore(flags, (store) => revokedCertificates(store, now));
        print((await authorityOf(keys)).revocationList(revoked, now, Hours(flags.days * 24)));
      }),
    );
}

function hostName(text: string): string {
  if (/^[A-Za-z0-9.:-]{1,253}$/.test(text)) return text;
  throw new InvalidArgumentError("Allowed: a host name or an IP address.");
}

function days(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 365) return value;
  throw new InvalidArgumentError("Allowed: whole days from 1 to 365.");
}

async function readRequest(file: string): Promise<string> {
  try {
    return await readFile(file, "latin1");
  } catch (cause) {
    throw new CertificateRequestInvalid({ detail: `${(cause as NodeJS.ErrnoException).code}`, cause });
  }
}

/** RFC 7468 7. */
function derOf(pem: string): Uint8Array {
  const [, body] = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([^-]*)-----END/.exec(pem) ?? [];
  if (body === undefined) throw new CertificateRequestInvalid({ detail: "PEM" });
  return Buffer.from(body, "base64");
}
