import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { isIP } from "node:net";
import { CertificationRequest } from "@peculiar/asn1-csr";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificateList,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  RevokedCertificate,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  TBSCertList,
  Time,
  Validity,
  Version,
} from "@peculiar/asn1-x509";
import type { Random } from "@swipewire/protocol/random";
import { type Duration, Hours, type Instant, Minutes } from "@swipewire/protocol/time";
import { CertificateRequestInvalid } from "../errors.ts";
import type { KeyStore } from "../keys/key-store.ts";

/** Renewed long before; only what was off for months has to be enrolled anew. */
export const TERMINAL_LIFETIME = Hours(365 * 24);
export const BROKER_LIFETIME = Hours(365 * 24);
/** A clock that is slow takes what is new all the same. */
const BACKDATED = Minutes(60);
/** RFC 5280 4.1.2.5: of what has no end; removing the key is its end. */
const NO_END = Date.parse("9999-12-31T23:59:59Z");
/** RFC 8410 3. */
const ED25519 = new AlgorithmIdentifier({ algorithm: "1.3.101.112" });
const COMMON_NAME = "2.5.4.3";
const SERIAL_BYTES = 16;

export interface IssuedCertificate {
  readonly pem: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly expiresAt: Instant;
}

export interface RevokedSerial {
  readonly serial: string;
  readonly revokedAt: Instant;
}

export interface AuthorityOptions {
  readonly keys: Pick<KeyStore, "authorityKey" | "signCertificate">;
  readonly random: Random;
}

interface Contents {
  readonly serial: Uint8Array;
  readonly subject: string;
  readonly publicKey: SubjectPublicKeyInfo;
  readonly from: Instant;
  readonly until: Instant;
  readonly extensions: readonly Extension[];
}

/**
 * Signs X.509 certificates (RFC 5280) with a key of the key store. Its own certificate follows from what the store knows of
 * that key, and Ed25519 signs alike each time: so nothing of it is kept, and all gateways of one store have the same.
 */
export class CertificateAuthority {
  readonly #keys: AuthorityOptions["keys"];
  readonly #random: Random;
  readonly #publicKey: SubjectPublicKeyInfo;
  readonly #name: string;
  /** PEM. */
  readonly certificate: string;

  /** @throws AuthorityMissing */
  constructor({ keys, random }: AuthorityOptions) {
    this.#keys = keys;
    this.#random = random;
    const { name, publicKey, checkValue, created } = keys.authorityKey();
    this.#publicKey = keyInfo(createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: publicKey }, format: "jwk" }));
    this.#name = `Swipewire authority ${checkValue}`;
    this.certificate = this.#sign({
      serial: serialOf(createHash("sha256").update(name).digest()),
      subject: this.#name,
      publicKey: this.#publicKey,
      from: Date.parse(created),
      until: NO_END,
      extensions: [
        extension(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 }), true),
        extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign), true),
      ],
    });
  }

  /**
   * For a terminal to show to its broker. Of the request only the key counts: who asks is known otherwise.
   * @param terminal UUID
   * @param request PKCS #10 in DER
   * @throws CertificateRequestInvalid
   */
  issueToTerminal(terminal: string, request: Uint8Array, now: Instant): IssuedCertificate {
    const publicKey = requestedKey(request);
    const names = [new GeneralName({ uniformResourceIdentifier: `urn:uuid:${terminal}` })];
    return this.#issue(terminal, publicKey, now, TERMINAL_LIFETIME, id_kp_clientAuth, names);
  }

  /**
   * For a broker to show to terminals.
   * @param host as it stands in terminals' URL of it: a name, or an IP address
   */
  issueToBroker(host: string, publicKey: KeyObject, now: Instant, lifetime: Duration): IssuedCertificate {
    return this.#issueToBroker(host, keyInfo(publicKey), now, lifetime);
  }

  /**
   * As {@link issueToBroker}, for a key that stays where it was made.
   * @param request PKCS #10 in DER
   * @throws CertificateRequestInvalid
   */
  issueOnRequest(host: string, request: Uint8Array, now: Instant): IssuedCertificate {
    return this.#issueToBroker(host, requestedKey(request), now, BROKER_LIFETIME);
  }

  /**
   * The list of revoked certificates, PEM.
   * @param lifetime after which brokers take it for out of date, and let in nobody
   */
  revocationList(revoked: readonly RevokedSerial[], now: Instant, lifetime: Duration): string {
    const list = new TBSCertList({
      version: Version.v2,
      signature: ED25519,
      issuer: nameOf(this.#name),
      thisUpdate: new Time(now - BACKDATED),
      nextUpdate: new Time(now + lifetime),
      crlExtensions: [this.#byThisKey()],
      // RFC 5280 5.1.2.6: absent where there are none.
      ...(revoked.length > 0 && {
        revokedCertificates: revoked.map(
          ({ serial, revokedAt }) =>
            new RevokedCertificate({
              userCertificate: bufferOf(Buffer.from(serial, "hex")),
              revocationDate: new Time(revokedAt),
            }),
        ),
      }),
    });
    const signed = new CertificateList({
      tbsCertList: list,
      signatureAlgorithm: ED25519,
      signature: bufferOf(this.#keys.signCertificate(new Uint8Array(AsnConvert.serialize(list)))),
    });
    return pem("X509 CRL", AsnConvert.serialize(signed));
  }

  #issueToBroker(host: string, publicKey: SubjectPublicKeyInfo, now: Instant, lifetime: Duration): IssuedCertificate {
    const name = isIP(host) ? { iPAddress: host } : { dNSName: host };
    // RFC 5280 A.1, ub-common-name; the name that counts is the other.
    return this.#issue(host.slice(0, 64), publicKey, now, lifetime, id_kp_serverAuth, [new GeneralName(name)]);
  }

  #issue(
    subject: string,
    publicKey: SubjectPublicKeyInfo,
    now: Instant,
    lifetime: Duration,
    purpose: string,
    names: readonly GeneralName[],
  ): IssuedCertificate {
    const serial = serialOf(this.#random.bytes(SERIAL_BYTES));
    const until = now + lifetime;
    const certificate = this.#sign({
      serial,
      subject,
      publicKey,
      from: now - BACKDATED,
      until,
      extensions: [
        extension(id_ce_basicConstraints, new BasicConstraints(), true),
        extension(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature), true),
        extension(id_ce_extKeyUsage, new ExtendedKeyUsage([purpose])),
        extension(id_ce_subjectAltName, new SubjectAlternativeName([...names])),
        this.#byThisKey(),
      ],
    });
    return { pem: certificate, serial: Buffer.from(serial).toString("hex"), expiresAt: until };
  }

  #sign({ serial, subject, publicKey, from, until, extensions }: Contents): string {
    const toBeSigned = new TBSCertificate({
      version: Version.v3,
      serialNumber: bufferOf(serial),
      signature: ED25519,
      issuer: nameOf(this.#name),
      validity: new Validity({ notBefore: new Date(from), notAfter: new Date(until) }),
      subject: nameOf(subject),
      subjectPublicKeyInfo: publicKey,
      extensions: new Extensions([
        ...extensions,
        extension(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifier(publicKey))),
      ]),
    });
    const certificate = new Certificate({
      tbsCertificate: toBeSigned,
      signatureAlgorithm: ED25519,
      signatureValue: bufferOf(this.#keys.signCertificate(new Uint8Array(AsnConvert.serialize(toBeSigned)))),
    });
    return pem("CERTIFICATE", AsnConvert.serialize(certificate));
  }

  #byThisKey(): Extension {
    const identifier = new KeyIdentifier(keyIdentifier(this.#publicKey));
    return extension(id_ce_authorityKeyIdentifier, new AuthorityKeyIdentifier({ keyIdentifier: identifier }));
  }
}

/**
 * The key that a certification request is for, and that has signed it.
 * @param request PKCS #10 in DER
 * @throws CertificateRequestInvalid
 */
function requestedKey(request: Uint8Array): SubjectPublicKeyInfo {
  const { info, raw, signature, key } = parsed(request);
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const isP256 = asymmetricKeyType === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1";
  if (!isP256 && asymmetricKeyType !== "ed25519") throw new CertificateRequestInvalid({ detail: "kind of key" });
  const signed = verify(isP256 ? "sha256" : null, new Uint8Array(raw), key, new Uint8Array(signature));
  if (!signed) throw new CertificateRequestInvalid({ detail: "signature" });
  return info;
}

function parsed(request: Uint8Array) {
  try {
    const { certificationRequestInfo, certificationRequestInfoRaw, signature } = AsnConvert.parse(
      bufferOf(request),
      CertificationRequest,
    );
    if (!certificationRequestInfoRaw) throw new TypeError("nothing that is signed");
    const info = certificationRequestInfo.subjectPKInfo;
    const key = createPublicKey({ key: Buffer.from(AsnConvert.serialize(info)), format: "der", type: "spki" });
    return { info, raw: certificationRequestInfoRaw, signature, key };
  } catch {
    // The library's message may quote what it was given.
    throw new CertificateRequestInvalid({ detail: "PKCS #10" });
  }
}

const keyInfo = (key: KeyObject): SubjectPublicKeyInfo =>
  AsnConvert.parse(bufferOf(key.export({ format: "der", type: "spki" })), SubjectPublicKeyInfo);

/** RFC 7093 2, method 1. */
const keyIdentifier = ({ subjectPublicKey }: SubjectPublicKeyInfo): ArrayBuffer =>
  bufferOf(createHash("sha256").update(new Uint8Array(subjectPublicKey)).digest().subarray(0, 20));

/** RFC 5280 4.1.2.2: positive, and never with a zero in front. */
function serialOf(random: Uint8Array): Uint8Array {
  const serial = Uint8Array.from(random.subarray(0, SERIAL_BYTES));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

const nameOf = (commonName: string): Name =>
  new Name([
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({ type: COMMON_NAME, value: new AttributeValue({ utf8String: commonName }) }),
    ]),
  ]);

const extension = (id: string, value: object, critical = false): Extension =>
  new Extension({ extnID: id, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });

const bufferOf = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;

/** RFC 7468 2. */
const pem = (label: string, der: ArrayBuffer): string =>
  [
    `-----BEGIN ${label}-----`,
    ...(Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? []),
    `-----END ${label}-----`,
    "",
  ].join("\n");
