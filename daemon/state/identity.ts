import { join } from "node:path";
import { EnrolmentReply } from "@swipewire/protocol/messages/enrolment";
import { PublicJwk, strict } from "@swipewire/protocol/messages/fields";
import { reader } from "@swipewire/protocol/messages/parse";
import Type from "typebox";
import { IdentityMissing, StateFileInvalid } from "../errors.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

/** Who this terminal is: what enrolment gave it, and the private key that it made itself. */
export const Identity = strict({
  terminal: EnrolmentReply.properties.terminal,
  mqtt: EnrolmentReply.properties.mqtt,
  /** X25519, newest first. */
  sealingKeys: EnrolmentReply.properties.sealingKeys,
  /** Ed25519, pinned: what signs the sealing keys after these. Absent until the gateway was first asked for it. */
  gatewayKey: Type.Optional(PublicJwk),
  /** Ed25519, RFC 8037, with its private half `d`. */
  signingKey: strict({
    kty: Type.Literal("OKP"),
    crv: Type.Literal("Ed25519"),
    x: Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }),
    d: Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }),
  }),
});
export type Identity = Type.Static<typeof Identity>;

const readIdentity = reader(Identity, 65_536);
const fileOf = (stateDir: string) => join(stateDir, "identity.json");

/** @throws IdentityMissing | StateFileExposed | StateFileInvalid | StateFolderUnusable */
export async function loadIdentity(stateDir: string): Promise<Identity> {
  const text = await readPrivateFile(fileOf(stateDir));
  if (text === undefined) throw new IdentityMissing({ detail: fileOf(stateDir) });
  try {
    return readIdentity(new TextEncoder().encode(text));
  } catch (cause) {
    throw new StateFileInvalid({ detail: fileOf(stateDir), cause });
  }
}

/** @throws StateFolderUnusable */
export async function saveIdentity(stateDir: string, identity: Identity): Promise<void> {
  await writePrivateFile(fileOf(stateDir), `${JSON.stringify(identity, null, 2)}\n`);
}
