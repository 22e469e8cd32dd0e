import { join } from "node:path";
import { TerminalCertificate } from "@swipewire/protocol/messages/certificates";
import { strict } from "@swipewire/protocol/messages/fields";
import { reader } from "@swipewire/protocol/messages/parse";
import Type from "typebox";
import { StateFileInvalid } from "../errors.ts";
import { readPrivateFile, removePrivateFile, writePrivateFile } from "./private-file.ts";

/**
 * The terminal's certificate with its key. A file of its own, so that an earlier release, which knows no certificates, finds
 * the identity as it left it.
 */
export const KeptCertificate = strict({
  ...TerminalCertificate.properties,
  /** PKCS #8, PEM; or where it is, which is where the config says. */
  key: Type.Union([
    Type.String({ pattern: "^-----BEGIN PRIVATE KEY-----\\n", maxLength: 2_048 }),
    strict({ in: Type.Literal("token") }),
  ]),
  /** Whether a broker has taken it: from then on the terminal logs in by nothing else. */
  taken: Type.Boolean(),
});
export type KeptCertificate = Type.Static<typeof KeptCertificate>;

const readCertificate = reader(KeptCertificate, 65_536);
const fileOf = (stateDir: string) => join(stateDir, "certificate.json");

/**
 * @returns undefined where there is none
 * @throws StateFileExposed | StateFileInvalid | StateFolderUnusable
 */
export async function keptCertificate(stateDir: string): Promise<KeptCertificate | undefined> {
  const text = await readPrivateFile(fileOf(stateDir));
  if (text === undefined) return undefined;
  try {
    return readCertificate(new TextEncoder().encode(text));
  } catch (cause) {
    throw new StateFileInvalid({ detail: fileOf(stateDir), cause });
  }
}

/** @throws StateFolderUnusable */
export async function keepCertificate(stateDir: string, certificate: KeptCertificate): Promise<void> {
  await writePrivateFile(fileOf(stateDir), `${JSON.stringify(certificate, null, 2)}\n`);
}

/** @throws StateFolderUnusable */
export const forgetCertificate = (stateDir: string): Promise<void> => removePrivateFile(fileOf(stateDir));
