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

const EmbeddedBroker = Type.Object(
  { kind: Type.Literal("embedded"), host, port: listenPort, publicUrl },
  {
    additionalProperties: false,
    // Where it listens everywhere, terminals can't be told where.
    if: { properties: { host: { not: { enum: ["0.0.0.0", "::"] } } } },
    else: { required: ["publicUrl"], properties: { publicUrl } },
  },
);

const ExternalBroker = strict({
  kind: Type.Literal("external"),
  url: Type.String({
    format: "url",
    pattern: "^mqtts?://[^/@]+$",
    description: "an mqtt:// or mqtts:// URL without credentials in it",
  }),
  username: Type.String({ minLength: 1, description: "the gateway's user name at the broker" }),
  password: Type.String({ minLength: 1, writeOnly: true, description: "the gateway's password at the broker" }),
  publicUrl,
});

const SimulatedPhone = strict({
  kind: Type.Literal("simulated", { description: "simulated" }),
  url: Type.String({
    format: "url",
    pattern: "^wss?://[^@]+$",
    description: "the ws:// or wss:// URL of the phone simulator",
  }),
});

export const GatewayConfig = strict({
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
  keys: strict({ file: path }),
  broker: byKind("embedded or external", EmbeddedBroker, ExternalBroker),
  acquirer: strict({
    host,
    port,
    /** ISO 8583 field 41. */
    terminal: Type.String({ pattern: "^[0-9A-Za-z]{8}$", description: "8 letters or digits (ISO 8583 field 41)" }),
    /** ISO 8583 field 42. */
    merchant: Type.String({ pattern: "^[0-9A-Za-z]{15}$", description: "15 letters or digits (ISO 8583 field 42)" }),
    tpdu: Type.String({ pattern: "^[0-9]{10}$", description: "10 digits" }),
    header: Type.String({ pattern: "^[0-9]{12}$", description: "12 digits" }),
    replySeconds: seconds(60),
    idleSeconds: seconds(60),
  }),
  voice: SimulatedPhone,
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
