import { isDeepStrictEqual } from "node:util";
import * as aesDukpt from "@swipewire/protocol/crypto/dukpt-aes";
import * as tdesDukpt from "@swipewire/protocol/crypto/dukpt-tdes";
import { BLOCK_LENGTH } from "@swipewire/protocol/crypto/tdes";
import { CiphertextLength, EnvelopeUnreadable } from "@swipewire/protocol/errors";
import { checker } from "@swipewire/protocol/messages/parse";
import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { Template } from "pkcs11js";
import { KeyNotExportable, KeyTokenFailed, KeyUnsuitable } from "../errors.ts";
import { openByAgreement } from "./ecdh-es.ts";
import type { KeyHolder, WorkingKey } from "./key-holder.ts";
import { CURVES, keyPairRecord } from "./key-pair.ts";
import { isKeyPairUse, type KeyPairUse, KeyRecord } from "./key-record.ts";
import {
  CKK_EC_EDWARDS,
  CKK_EC_MONTGOMERY,
  CKM_EC_EDWARDS_KEY_PAIR_GEN,
  CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
  CKM_EDDSA,
  openToken,
  type TokenPlace,
  type TokenSession,
  tokenFailure,
} from "./token-module.ts";

/** RFC 8410 3: id-X25519 and id-Ed25519, as CKA_EC_PARAMS has them. */
const CURVE_OIDS = { X25519: Buffer.from("06032b656e", "hex"), Ed25519: Buffer.from("06032b6570", "hex") };
const SIGNATURE = 64;
const POINT = 32;

/** What stands in CKA_LABEL before the record; the key that makes the right half of initial keys is an object of its own. */
const MARK = "swipewire";
const RIGHT_HALF_MARK = "swipewire-right-half";

interface TokenKey {
  /** Which came first. */
  readonly order: number;
  readonly record: KeyRecord;
  readonly handle: Buffer;
}

const checkRecord = checker(KeyRecord);

/** Keys in a PKCS#11 token, which does the work: none of them is ever in this process once it is kept. */
export class TokenHolder implements KeyHolder {
  readonly #session: TokenSession;
  #keys: readonly TokenKey[];

  private constructor(session: TokenSession) {
    this.#session = session;
    this.#keys = this.#find();
  }

  /** @throws KeyModuleUnusable | KeyTokenMissing | KeyMechanismMissing | KeySecretWrong | KeyTokenLocked | KeyTokenFailed */
  static async open(place: TokenPlace, pin: SensitiveBytes): Promise<TokenHolder> {
    const session = await openToken(place, pin);
    try {
      return new TokenHolder(session);
    } catch (error) {
      session.close();
      throw tokenFailure(error);
    }
  }

  async refresh(): Promise<boolean> {
    const before = this.records();
    this.#keys = this.#find();
    return !isDeepStrictEqual(before, this.records());
  }

  records(): readonly KeyRecord[] {
    return this.#keys.map(({ record }) => record);
  }

  async openEnvelope(key: KeyRecord, jwe: string): Promise<Uint8Array> {
    return openByAgreement(jwe, (theirs) => this.#agree(key, theirs));
  }

  transactionKey(key: KeyRecord, ksn: Uint8Array): Uint8Array {
    const { deriveTransactionKey } = key.algorithm === "AES" ? aesDukpt : tdesDukpt;
    const initialKey = this.#initialKey(key, ksn);
    try {
      return deriveTransactionKey(initialKey, ksn);
    } finally {
      initialKey.fill(0);
    }
  }

  /** Of the reader that the KSN names: X9.24-1:2009 A.6, X9.24-3:2017 6.3.3. */
  #initialKey(key: KeyRecord, ksn: Uint8Array): Uint8Array {
    const { p11 } = this.#session;
    if (key.algorithm === "AES") {
      const data = aesDukpt.initialKeyData(key.bits / 8, ksn);
      const blocks = this.#crypt("Encrypt", p11.CKM_AES_ECB, this.#handleOf(key), data);
      const initialKey = blocks.slice(0, key.bits / 8);
      blocks.fill(0);
      return initialKey;
    }
    const serial = tdesDukpt.initialKsn(ksn).subarray(0, 8);
    const [rightHalf] = this.#handles(p11.CKO_SECRET_KEY, `${RIGHT_HALF_MARK} ${key.name}`);
    if (!rightHalf) throw new KeyTokenFailed({ detail: "an object is missing" });
    const halves = [this.#handleOf(key), rightHalf].map((handle) =>
      this.#crypt("Encrypt", p11.CKM_DES3_ECB, handle, serial),
    );
    const initialKey = Uint8Array.from(halves.flatMap((half) => [...half]));
    for (const half of halves) half.fill(0);
    return initialKey;
  }

  decryptEcb(key: KeyRecord, blocks: Uint8Array): Uint8Array {
    return this.#crypt("Decrypt", this.#session.p11.CKM_DES3_ECB, this.#handleOf(key), blocks);
  }

  holdWorkingKey(key: Uint8Array): WorkingKey {
    const { p11, module, handle: session } = this.#session;
    // A single DES key as K‖K, which does the same.
    const bytes = Buffer.concat(key.length === BLOCK_LENGTH ? [key, key] : [key]);
    try {
      const handle = this.#create(p11.CKK_DES2, bytes, `${MARK}-working-key`, false);
      return {
        encryptEcb: (blocks) => this.#crypt("Encrypt", p11.CKM_DES3_ECB, handle, blocks),
        close: () => this.#try(() => module.C_DestroyObject(session, handle)),
      };
    } finally {
      bytes.fill(0);
    }
  }

  sign(key: KeyRecord, message: Uint8Array): Uint8Array {
    const { module, handle: session } = this.#session;
    return this.#try(() => {
      module.C_SignInit(session, { mechanism: CKM_EDDSA }, this.#handleOf(key));
      return Uint8Array.from(module.C_Sign(session, Buffer.from(message), Buffer.alloc(SIGNATURE)));
    });
  }

  async makeKeyPair(use: KeyPairUse, created: string): Promise<void> {
    const { p11, module, handle: session, hasMontgomery } = this.#session;
    const montgomery = use === "envelope" && hasMontgomery;
    const mechanism = montgomery ? CKM_EC_MONTGOMERY_KEY_PAIR_GEN : CKM_EC_EDWARDS_KEY_PAIR_GEN;
    const type = { type: p11.CKA_KEY_TYPE, value: montgomery ? CKK_EC_MONTGOMERY : CKK_EC_EDWARDS };
    const pair = this.#try(() =>
      module.C_GenerateKeyPair(
        session,
        { mechanism },
        [type, { type: p11.CKA_TOKEN, value: false }, { type: p11.CKA_EC_PARAMS, value: CURVE_OIDS[CURVES[use]] }],
        [
          type,
          { type: p11.CKA_TOKEN, value: true },
          { type: p11.CKA_PRIVATE, value: true },
          { type: p11.CKA_SENSITIVE, value: true },
          { type: p11.CKA_EXTRACTABLE, value: false },
          { type: use === "envelope" ? p11.CKA_DERIVE : p11.CKA_SIGN, value: true },
        ],
      ),
    );
    const [point] = this.#try(() => module.C_GetAttributeValue(session, pair.publicKey, [{ type: p11.CKA_EC_POINT }]));
    // With or without the octet string around it: tokens differ.
    const x = Buffer.from(point?.value as Buffer)
      .subarray(-POINT)
      .toString("base64url");
    const label = this.#labelOf(await keyPairRecord(use, x, created));
    this.#try(() => module.C_SetAttributeValue(session, pair.privateKey, [{ type: p11.CKA_LABEL, value: label }]));
    this.#keys = this.#find();
  }

  async add(record: KeyRecord, key: Uint8Array): Promise<void> {
    const { p11 } = this.#session;
    if (record.use === "key-block-protection") {
      throw new KeyUnsuitable({ detail: "a token keeps none of this use; enter it for each block" });
    }
    if (record.algorithm === "TDES" && record.use === "base-derivation") {
      const rightHalf = tdesDukpt.rightHalfKey(key);
      this.#create(p11.CKK_DES2, rightHalf, `${RIGHT_HALF_MARK} ${record.name}`, true);
      rightHalf.fill(0);
    }
    const tdes = key.length === 16 ? p11.CKK_DES2 : p11.CKK_DES3;
    this.#create(record.algorithm === "AES" ? p11.CKK_AES : tdes, key, this.#labelOf(record), true);
    this.#keys = this.#find();
  }

  async remove(key: KeyRecord): Promise<void> {
    const { p11, module, handle: session } = this.#session;
    const rightHalves = this.#handles(p11.CKO_SECRET_KEY, `${RIGHT_HALF_MARK} ${key.name}`);
    for (const handle of [this.#handleOf(key), ...rightHalves]) {
      this.#try(() => module.C_DestroyObject(session, handle));
    }
    this.#keys = this.#find();
  }

  lend(): never {
    throw new KeyNotExportable();
  }

  close(): void {
    this.#session.close();
  }

  /** The one secret that leaves the token beside derived keys: it is what JWE's key derivation is over, RFC 7518 4.6.2. */
  #agree(key: KeyRecord, theirs: Uint8Array): Uint8Array {
    const { p11, module, handle: session } = this.#session;
    const template: Template = [
      { type: p11.CKA_CLASS, value: p11.CKO_SECRET_KEY },
      { type: p11.CKA_KEY_TYPE, value: p11.CKK_GENERIC_SECRET },
      { type: p11.CKA_TOKEN, value: false },
      { type: p11.CKA_SENSITIVE, value: false },
      { type: p11.CKA_EXTRACTABLE, value: true },
      { type: p11.CKA_VALUE_LEN, value: POINT },
    ];
    const parameter = { type: p11.CK_PARAMS_EC_DH, kdf: p11.CKD_NULL, publicData: Buffer.from(theirs) };
    let shared: Buffer;
    try {
      shared = module.C_DeriveKey(
        session,
        { mechanism: p11.CKM_ECDH1_DERIVE, parameter },
        this.#handleOf(key),
        template,
      );
    } catch (error) {
      const failure = tokenFailure(error);
      // What tokens say of a public key that they refuse differs; what they say when they are gone does not.
      if (/CKR_(DEVICE|SESSION|TOKEN|USER|CRYPTOKI|HOST)/.test(failure.message)) throw failure;
      throw new EnvelopeUnreadable({ cause: failure });
    }
    try {
      const [value] = this.#try(() => module.C_GetAttributeValue(session, shared, [{ type: p11.CKA_VALUE }]));
      return value?.value as Buffer;
    } finally {
      this.#try(() => module.C_DestroyObject(session, shared));
    }
  }

  #crypt(way: "Encrypt" | "Decrypt", mechanism: number, key: Buffer, blocks: Uint8Array): Uint8Array {
    if (blocks.length === 0 || blocks.length % BLOCK_LENGTH !== 0) {
      throw new CiphertextLength({ detail: `${blocks.length} bytes` });
    }
    const { module, handle: session } = this.#session;
    return this.#try(() => {
      module[`C_${way}Init`](session, { mechanism }, key);
      const out = module[`C_${way}`](session, Buffer.from(blocks), Buffer.alloc(blocks.length));
      // A plain array, whose slice is a copy.
      return new Uint8Array(out.buffer, out.byteOffset, out.length);
    });
  }

  #create(type: number, value: Uint8Array, label: string, keep: boolean): Buffer {
    const { p11, module, handle: session } = this.#session;
    const bytes = Buffer.from(value);
    try {
      return this.#try(() =>
        module.C_CreateObject(session, [
          { type: p11.CKA_CLASS, value: p11.CKO_SECRET_KEY },
          { type: p11.CKA_KEY_TYPE, value: type },
          { type: p11.CKA_TOKEN, value: keep },
          { type: p11.CKA_PRIVATE, value: true },
          { type: p11.CKA_SENSITIVE, value: true },
          { type: p11.CKA_EXTRACTABLE, value: false },
          { type: p11.CKA_ENCRYPT, value: true },
          { type: p11.CKA_DECRYPT, value: true },
          { type: p11.CKA_LABEL, value: label },
          { type: p11.CKA_VALUE, value: bytes },
        ]),
      );
    } finally {
      bytes.fill(0);
    }
  }

  #labelOf({ name, use, algorithm, bits, checkValue, created, ksnPrefix, publicKey }: KeyRecord): string {
    const order = Math.max(0, ...this.#keys.map((key) => key.order)) + 1;
    return [MARK, order, use, name, algorithm, bits, checkValue, created, ksnPrefix ?? publicKey ?? "-"].join(" ");
  }

  /** Oldest first. */
  #find(): TokenKey[] {
    const { p11, module, handle: session } = this.#session;
    const found: TokenKey[] = [];
    for (const handle of [...this.#handles(p11.CKO_SECRET_KEY), ...this.#handles(p11.CKO_PRIVATE_KEY)]) {
      const [label] = this.#try(() => module.C_GetAttributeValue(session, handle, [{ type: p11.CKA_LABEL }]));
      const fields = String(label?.value ?? "").split(" ");
      if (fields[0] !== MARK) continue;
      const [, order, use, name, algorithm, bits, checkValue, created, last] = fields;
      const extra = isKeyPairUse(use) ? { publicKey: last } : last !== "-" && { ksnPrefix: last };
      try {
        const record = checkRecord({ name, use, algorithm, bits: Number(bits), checkValue, created, ...extra });
        found.push({ order: Number(order), record, handle });
      } catch {
        throw new KeyTokenFailed({ detail: "the label of an object" });
      }
    }
    return found.sort((a, b) => a.order - b.order);
  }

  #handles(kind: number, label?: string): Buffer[] {
    const { p11, module, handle: session } = this.#session;
    return this.#try(() => {
      module.C_FindObjectsInit(session, [
        { type: p11.CKA_CLASS, value: kind },
        { type: p11.CKA_TOKEN, value: true },
        ...(label === undefined ? [] : [{ type: p11.CKA_LABEL, value: label }]),
      ]);
      try {
        const handles: Buffer[] = [];
        for (
          let some = module.C_FindObjects(session, 100);
          some.length > 0;
          some = module.C_FindObjects(session, 100)
        ) {
          handles.push(...some);
        }
        return handles;
      } finally {
        module.C_FindObjectsFinal(session);
      }
    });
  }

  #handleOf({ name }: KeyRecord): Buffer {
    const found = this.#keys.find(({ record }) => record.name === name);
    if (!found) throw new TypeError("a record of another store");
    return found.handle;
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw tokenFailure(error);
    }
  }
}
