import { posDialectNames } from "@swipewire/protocol/iso8583/pos-codecs";
import { strict } from "@swipewire/protocol/messages/fields";
import Type from "typebox";

/**
 * The gateway's config. Each `description` finishes the sentence "allowed: …"; `writeOnly` marks what is never shown
 * again (JSON Schema 2020-12 Validation 9.4).
 */
const host = Type.String({ minLength: 1, maxLength: 253, description: "a host name or an IP address" });
const port = Type.Integer({ minimum: 1, maximum: 65_535, description: "a port from 1 to 65535" });
const listenPort = Type.Integer({ minimum: 0, maximum: 65_535, description: "a port from 0 (any free one) to 65535" });
const path = Type.String({ minLength: 1, description: "a path; relative ones start at the config file's folder" });
const seconds = (fallback: number) =>
  Type.Integer({ minimum: 1, maximum: 300, default: fallback, description: "whole seconds from 1 to 300" });

/** Exactly one of these objects, told apart by `kind`. */
const byKind = <B extends Type.TObject[]>(kinds: string, ...branches: [...B]) =>
  Type.Unsafe<Type.Static<Type.TUnion<B>>>({
    type: "object",
    discriminator: { propertyName: "kind" },
    required: ["kind"],
    oneOf: branches,
    description: `an object whose kind is ${kinds}`,
  });

const publicUrl = Type.Optional(
  Type.String({
    format: "url",
    pattern: "^mqtts?://[^/@]+$",
    description: "the mqtt:// or mqtts:// URL that terminals reach it by",
  }),
);

const EVERYWHERE = ["0.0.0.0", "::"];
const certifiedUrl = Type.String({
  format: "url",
  pattern: "^mqtts://[^/@]+$",
  description: "the mqtts:// URL that terminals with certificates reach it by",
});

const EmbeddedBroker = Type.Object(
  {
    kind: Type.Literal("embedded"),
    host,
    port: listenPort,
    /** Where it listens for terminals with certificates. */
    tls: Type.Optional(
      Type.Object(
        { host, port: listenPort },
        { additionalProperties: false, description: "an object with host, port" },
      ),
    ),
    publicUrl,
  },
  {
    additionalProperties: false,
    allOf: [
      {
        // Where it listens everywhere, terminals can't be told where.
        if: {
          properties: {
            host: { not: { enum: EVERYWHERE } },
            tls: { properties: { host: { not: { enum: EVERYWHERE } } } },
          },
        },
        else: { required: ["publicUrl"], properties: { publicUrl } },
      },
      {
        if: { required: ["tls"] },
        // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so.
        then: { properties: { publicUrl: certifiedUrl } },
      },
    ],
  },
);

const certificates = Type.Optional(
  Type.Boolean({ description: "true or false: does the broker ask terminals for the gateway's certificates" }),
);

const ExternalBroker = Type.Object(
  {
    kind: Type.Literal("external"),
    url: Type.String({
      format: "url",
      pattern: "^mqtts?://[^/@]+$",
      description: "an mqtt:// or mqtts:// URL without credentials in it",
    }),
    username: Type.String({ minLength: 1, description: "the gateway's user name at the broker" }),
    password: Type.String({ minLength: 1, writeOnly: true, description: "the gateway's password at the broker" }),
    certificates,
    publicUrl,
  },
  {
    additionalProperties: false,
    if: { required: ["certificates"], properties: { certificates: { const: true } } },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so.
    then: { required: ["publicUrl"], properties: { publicUrl: certifiedUrl } },
  },
);

const SimulatedPhone = strict({
  kind: Type.Literal("simulated", { description: "simulated" }),
  url: Type.String({
    format: "url",
    pattern: "^wss?://[^@]+$",
    description: "the ws:// or wss:// URL of the phone simulator",
  }),
});

/** What may stand in a SIP URI as it is (RFC 3261 25.1), and can't break out of a line of baresip's files. */
const sipUser = Type.String({
  pattern: "^[A-Za-z0-9+._~-]{1,64}$",
  description: "1 to 64 letters, digits or any of + . _ ~ -",
});
const language = (fallback?: string) =>
  Type.String({
    pattern: "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    ...(fallback === undefined ? {} : { default: fallback }),
    description: "a language tag, such as zh or en; it names the folder of its prompts",
  });

/** Which language is spoken to which numbers. */
const spokenLanguages = {
  language: language("en"),
  languages: Type.Array(
    strict({
      prefix: Type.String({
        pattern: "^\\+[1-9][0-9]{0,9}$",
        description: "the beginning of phone numbers, such as +86",
      }),
      language: language(),
    }),
    {
      default: [{ prefix: "+86", language: "zh" }],
      description: "a list of objects with prefix and language",
    },
  ),
};

const Baresip = Type.Object(
  {
    kind: Type.Literal("baresip"),
    domain: Type.String({
      pattern: "^[A-Za-z0-9]([A-Za-z0-9.-]{0,98}[A-Za-z0-9])?$",
      description: "the SIP trunk's host name or IPv4 address, up to 100 characters",
    }),
    port: Type.Optional(port),
    transport: Type.Enum(["udp", "tcp", "tls"], { default: "udp", description: "udp, tcp or tls" }),
    user: sipUser,
    password: Type.Optional(
      Type.String({
        pattern: "^[!#-+\\--:=?-\\[\\]-~]{1,128}$",
        writeOnly: true,
        description: 'up to 128 visible ASCII characters without " , ; < > \\',
      }),
    ),
    register: Type.Boolean({ default: false, description: "true or false" }),
    srtp: Type.Boolean({ default: false, description: "true or false; true only where transport is tls" }),
    address: Type.Optional(
      Type.String({
        pattern: "^(\\d{1,3}\\.){3}\\d{1,3}$",
        description: "the IPv4 address of this machine to call from",
      }),
    ),
    sipPort: Type.Integer({
      minimum: 0,
      maximum: 65_000,
      default: 0,
      description: "a port from 0 (any free ones) to 65000",
    }),
    rtpPorts: Type.Object(
      {
        from: Type.Integer({
          minimum: 1_024,
          maximum: 65_000,
          default: 16_384,
          description: "a port from 1024 to 65000",
        }),
        to: Type.Integer({
          minimum: 1_024,
          maximum: 65_535,
          default: 32_767,
          description: "a port from 1024 to 65535",
        }),
      },
      { additionalProperties: false, default: {} },
    ),
    prompts: Type.Optional(path),
    ...spokenLanguages,
  },
  {
    additionalProperties: false,
    // The keys of SRTP travel in the SIP messages (RFC 4568 9.1).
    if: { properties: { srtp: { const: false } } },
    else: {
      required: ["transport"],
      properties: { transport: { const: "tls", description: "tls, since srtp is true" } },
    },
  },
);

const Asterisk = strict({
  kind: Type.Literal("asterisk"),
  url: Type.String({
    format: "url",
    pattern: "^https?://[^@?#]+[^@?#/]$",
    description: "the http:// or https:// URL of ARI, such as http://127.0.0.1:8088/ari, without a slash at its end",
  }),
  user: Type.String({ pattern: "^[^:\\s]{1,64}$", description: "the user in ari.conf, without colon or space" }),
  password: Type.String({ minLength: 1, writeOnly: true, description: "the user's password in ari.conf" }),
  app: Type.String({
    pattern: "^[A-Za-z0-9_-]{1,64}$",
    default: "swipewire",
    description: "1 to 64 letters, digits, hyphens and underscores; its own for each gateway at one Asterisk",
  }),
  endpoint: Type.String({
    pattern: "^[A-Za-z0-9]+/[^{}\\s,&]*[{]number[}][^{}\\s,&]*$",
    description: "what Asterisk dials, with {number} in the number's place, such as PJSIP/{number}@trunk",
  }),
  callerId: Type.Optional(
    Type.String({ pattern: "^[ -~]{1,80}$", description: "what payers see calling: up to 80 ASCII characters" }),
  ),
  sounds: Type.String({
    pattern: "^[A-Za-z0-9_/-]{1,100}$",
    default: "swipewire",
    description: "the folder of the prompts among the sounds of each language in Asterisk",
  }),
  ...spokenLanguages,
});

const tpdu = Type.Optional(Type.String({ pattern: "^[0-9]{10}$", description: "10 digits" }));
const header = Type.Optional(Type.String({ pattern: "^[0-9]{12}$", description: "12 digits" }));

const certificate = Type.Optional(path);
const key = Type.Optional(path);

/** There is no way to take a certificate unchecked. */
const AcquirerTls = Type.Object(
  {
    ca: path,
    certificate,
    key,
    serverName: Type.Optional(host),
    /** Here, for without TLS anyone on the line could turn an approval into a refusal. */
    declinesWithoutMac: Type.Optional(Type.Boolean({ description: "true or false" })),
  },
  {
    additionalProperties: false,
    dependentRequired: { certificate: ["key"], key: ["certificate"] },
    description: "an object with ca, and certificate and key both or neither",
  },
);

/** Where the bank wants its batches closed otherwise than its dialect's usually do. */
const BatchRules = Type.Object(
  {
    mac: Type.Optional(Type.Boolean({ description: "true or false" })),
    upload: Type.Optional(Type.Enum(["list", "single"], { description: "list or single" })),
    endsBalanced: Type.Optional(Type.Boolean({ description: "true or false" })),
  },
  { additionalProperties: false, description: "an object with some of mac, upload, endsBalanced" },
);

const Acquirer = Type.Object(
  {
    host,
    port,
    dialect: Type.Enum(posDialectNames, { default: "unionpay", description: posDialectNames.join(", ") }),
    /** ISO 8583 field 41. */
    terminal: Type.String({ pattern: "^[0-9A-Za-z]{8}$", description: "8 letters or digits (ISO 8583 field 41)" }),
    /** ISO 8583 field 42. */
    merchant: Type.String({ pattern: "^[0-9A-Za-z]{15}$", description: "15 letters or digits (ISO 8583 field 42)" }),
    tpdu,
    header,
    tls: Type.Optional(AcquirerTls),
    settlement: Type.Optional(BatchRules),
    replySeconds: seconds(60),
    idleSeconds: seconds(60),
  },
  {
    additionalProperties: false,
    // Only UnionPay's messages have an address and a header.
    if: { properties: { dialect: { not: { const: "unionpay" } } }, required: ["dialect"] },
    else: { required: ["tpdu", "header"], properties: { tpdu, header } },
  },
);

const secretFile = Type.Optional(
  Type.String({
    minLength: 1,
    description: "the path of a file with the passphrase or PIN, or /dev/fd/3 and the like",
  }),
);
const secretCredential = Type.Optional(
  Type.String({
    pattern: "^[A-Za-z0-9._-]{1,64}$",
    not: { enum: [".", ".."] },
    description: "the name of a systemd credential, where there is no secretFile",
  }),
);

/** Exactly one of both. */
const secretOnce = {
  additionalProperties: false,
  if: { required: ["secretCredential"] },
  // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so.
  then: { properties: { secretFile: { not: {}, description: "nothing, since secretCredential is set" } } },
  else: { required: ["secretFile"], properties: { secretFile } },
};

const KeyFile = Type.Object({ kind: Type.Literal("file"), file: path, secretFile, secretCredential }, secretOnce);

const KeyToken = Type.Object(
  {
    kind: Type.Literal("pkcs11"),
    module: path,
    token: Type.String({ minLength: 1, maxLength: 32, description: "the label of a token, 1 to 32 characters" }),
    secretFile,
    secretCredential,
  },
  secretOnce,
);

export const GatewayConfig = strict({
  /** Names this gateway among those that share a store and a broker. */
  instance: Type.String({
    pattern: "^[a-z0-9-]{1,32}$",
    default: "gateway",
    description: "1 to 32 lower-case letters, digits and hyphens",
  }),
  http: strict({
    host,
    port: listenPort,
    /** What terminals are enrolled at. */
    publicUrl: Type.Optional(
      Type.String({
        format: "url",
        pattern: "^https?://[^@?#]+[^@?#/]$",
        description: "the http:// or https:// URL that the API is reached by, without a slash at its end",
      }),
    ),
    trustedProxies: Type.Array(Type.String({ format: "ip-or-network", description: "an IP address or a network" }), {
      default: [],
      description: "a list of addresses or networks of the reverse proxies in front of the gateway",
    }),
  }),
  store: strict({ path }),
  keys: byKind("file or pkcs11", KeyFile, KeyToken),
  broker: byKind("embedded or external", EmbeddedBroker, ExternalBroker),
  acquirer: Acquirer,
  voice: byKind("simulated, baresip or asterisk", SimulatedPhone, Baresip, Asterisk),
  sms: SimulatedPhone,
  order: Type.Object(
    {
      lifetimeMinutes: Type.Integer({
        minimum: 1,
        maximum: 10_080,
        default: 30,
        description: "whole minutes from 1 to 10080 (a week)",
      }),
    },
    { additionalProperties: false, default: {} },
  ),
  /** When the day's batch is closed; on request only where it is absent. */
  settlement: Type.Optional(
    strict({
      at: Type.String({ pattern: "^([01]\\d|2[0-3]):[0-5]\\d$", description: "a time of the day, such as 23:30" }),
      timeZone: Type.String({
        format: "time-zone",
        description: "the IANA name of a time zone, such as Asia/Shanghai",
      }),
    }),
  ),
  /** Where /metrics is served; nowhere unless told. */
  metrics: Type.Optional(strict({ host, port: listenPort })),
  log: Type.Object(
    {
      level: Type.Enum(["fatal", "error", "warn", "info", "debug", "silent"], {
        default: "info",
        description: "fatal, error, warn, info, debug or silent",
      }),
    },
    { additionalProperties: false, default: {} },
  ),
});
export type GatewayConfig = Type.Static<typeof GatewayConfig>;
