import { base64url, CompactEncrypt, compactDecrypt, compactVerify, decodeProtectedHeader, importJWK } from "jose";
import Type from "typebox";
import { SealingKeysRefused } from "../errors.ts";
import { PublicJwk, strict, Uuid } from "../messages/fields.ts";
import { checker, reader } from "../messages/parse.ts";
import type { Random } from "../random.ts";
import type { SensitiveBytes } from "../sensitive-bytes.ts";

/**
 * What the gateway signs: the X25519 keys that swipes are to be sealed to, newest first, and which question that answers.
 * A question's id is random and asked once, so an old answer answers nothing.
 */
const Statement = strict({ question: Uuid, sealingKeys: Type.Array(PublicJwk, { minItems: 1, maxItems: 4 }) });

const TYPE = "swipewire-sealing-keys+1";
const LIMIT = 4_096;
const CHALLENGE_BYTES = 32;

const readStatement = reader(Statement, LIMIT);
const readKey = reader(PublicJwk, LIMIT);
const checkStatement = checker(Statement);

/**
 * The gateway's answer to a terminal's question for sealing keys, a compact JWS.
 * @param question UUID
 * @param sealingKeys 1 to 4, newest first
 * @param sign what Ed25519 makes of it: 64 bytes. `jose` signs with keys that it is given, and a token gives none.
 * @throws MessageInvalid for keys or a question that are none
 */
export function signSealingKeys(
  question: string,
  sealingKeys: readonly PublicJwk[],
  sign: (input: Uint8Array) => Uint8Array,
): string {
  const part = (content: object) => base64url.encode(JSON.stringify(content));
  const input = `${part({ alg: "EdDSA", typ: TYPE })}.${part(checkStatement({ question, sealingKeys }))}`;
  return `${input}.${base64url.encode(sign(new TextEncoder().encode(input)))}`;
}

/**
 * The keys that {@link signSealingKeys} signed.
 * @param statement compact JWS
 * @param question UUID of what was asked
 * @param gatewayKey the gateway's Ed25519 key, as this terminal pinned it
 * @returns X25519 keys, newest first
 * @throws SealingKeysRefused when anybody else signed them, or they answer another question
 */
export async function verifySealingKeys(
  statement: string,
  question: string,
  gatewayKey: PublicJwk,
): Promise<readonly PublicJwk[]> {
  const { question: answered, sealingKeys } = await refusing("signature", async () => {
    const { payload, protectedHeader } = await compactVerify(statement, await importJWK({ ...gatewayKey }, "EdDSA"), {
      algorithms: ["EdDSA"],
    });
    if (protectedHeader.typ !== TYPE) throw new TypeError("signed for something else");
    return readStatement(payload);
  });
  if (answered !== question) throw new SealingKeysRefused({ detail: "another question's answer" });
  if (sealingKeys.some(({ crv }) => crv !== "X25519")) throw new SealingKeysRefused({ detail: "curve" });
  return sealingKeys;
}

/** How a terminal that has not pinned the gateway's signing key yet asks for it, once. */
export interface GatewayChallenge {
  /** Compact JWE to the sealing key that it has pinned: only who has the private half can answer. */
  readonly challenge: string;
  /** The gateway's Ed25519 key, out of a compact JWE. @throws SealingKeysRefused when somebody else answered */
  open(answer: string): Promise<PublicJwk>;
}

/**
 * The terminal's side, which ends in the gateway's signing key.
 * @param pinned the X25519 key that the terminal was enrolled with
 */
export async function challengeGateway(pinned: PublicJwk, random: Random): Promise<GatewayChallenge> {
  const key = Uint8Array.from(random.bytes(CHALLENGE_BYTES));
  const challenge = await new CompactEncrypt(key)
    .setProtectedHeader({ alg: "ECDH-ES", enc: "A256GCM", ...(pinned.kid !== undefined && { kid: pinned.kid }) })
    .encrypt(await importJWK({ ...pinned }, "ECDH-ES"));
  return {
    challenge,
    open: (answer) =>
      refusing("challenge", async () => {
        if (decodeProtectedHeader(answer).typ !== TYPE) throw new TypeError("sealed for something else");
        const { plaintext } = await compactDecrypt(answer, key, {
          keyManagementAlgorithms: ["dir"],
          contentEncryptionAlgorithms: ["A256GCM"],
          maxDecompressedLength: 0,
        });
        const gatewayKey = readKey(plaintext);
        if (gatewayKey.crv !== "Ed25519") throw new TypeError("a key that signs nothing");
        return gatewayKey;
      }),
  };
}

/**
 * The gateway's side of {@link challengeGateway}.
 * @param opened what its key store found in the challenge: 32 bytes; the caller's to wipe
 * @param gatewayKey Ed25519
 * @returns compact JWE under those 32 bytes
 * @throws SealingKeysRefused when that is no challenge
 */
export async function answerChallenge(opened: SensitiveBytes, gatewayKey: PublicJwk): Promise<string> {
  if (opened.length !== CHALLENGE_BYTES) throw new SealingKeysRefused({ detail: "challenge" });
  const key = opened.use((bytes) => Uint8Array.from(bytes));
  try {
    return await new CompactEncrypt(new TextEncoder().encode(JSON.stringify(gatewayKey)))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ: TYPE })
      .encrypt(key);
  } finally {
    key.fill(0);
  }
}

/** The library's messages may quote what they were given. */
async function refusing<T>(detail: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch {
    throw new SealingKeysRefused({ detail });
  }
}
