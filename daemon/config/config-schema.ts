import { readerFamilyNames } from "@swipewire/protocol/readers/families";
import { streamFamilyNames } from "@swipewire/protocol/readers/frame-streams";
import { READER_FRAMINGS, ReaderProfile } from "@swipewire/protocol/readers/profiles";
import { bauds } from "@swipewire/protocol/waveform/modem/modem-line";
import Type from "typebox";

const name = Type.String({ minLength: 1, maxLength: 80, description: "a name for people, 1 to 80 characters" });

const SerialReader = Type.Object(
  {
    transport: Type.Literal("serial"),
    name,
    path: Type.String({ minLength: 1, description: "the path of a serial port" }),
    baudRate: Type.Integer({ minimum: 300, maximum: 921_600, default: 9600, description: "an integer, 300 to 921600" }),
    family: Type.Enum(streamFamilyNames, {
      default: "ascii",
      description: `what the reader sends: ${streamFamilyNames.join(", ")}`,
    }),
    framing: Type.Optional(
      Type.Enum([...READER_FRAMINGS], { description: `what its frames come in: ${READER_FRAMINGS.join(", ")}` }),
    ),
  },
  { additionalProperties: false, description: "an object with transport, name, path, baudRate, family and framing" },
);

/** One of ALSA's by its name. What has none, as `default`, may be another one tomorrow. */
const PCM = { pattern: "^[a-z]+:[^ ]+$", maxLength: 200 } as const;

const AudioReader = Type.Object(
  {
    transport: Type.Literal("audio"),
    name,
    source: Type.String({
      ...PCM,
      description: "a sound input by its name: hw:CARD=…, plughw:CARD=… or pulse:<source>",
    }),
    sampleRate: Type.Optional(
      Type.Integer({ minimum: 8000, maximum: 192_000, description: "an integer, 8000 to 192000" }),
    ),
    channels: Type.Enum([1, 2], { default: 1, description: "1 or 2" }),
    baud: Type.Optional(
      Type.Enum([...bauds], { description: `what a reader with the framed modem sends at: ${bauds.join(", ")}` }),
    ),
    output: Type.Optional(
      Type.String({
        ...PCM,
        description: "where such a reader is fed and armed: hw:CARD=…, plughw:CARD=… or pulse:<sink>",
      }),
    ),
    family: Type.Optional(
      Type.Enum(readerFamilyNames, { description: `what such a reader sends: ${readerFamilyNames.join(", ")}` }),
    ),
  },
  {
    additionalProperties: false,
    dependentRequired: { family: ["baud"], output: ["baud"] },
    description: "an object with transport, name, source, sampleRate, channels, baud, output and family",
  },
);

export type AudioReader = Type.Static<typeof AudioReader>;

/** Told apart by `transport`. */
const Reader = Type.Unsafe<Type.Static<typeof SerialReader> | AudioReader>({
  type: "object",
  discriminator: { propertyName: "transport" },
  required: ["transport"],
  oneOf: [SerialReader, AudioReader],
  description: "an object whose transport is serial or audio",
});

/** The daemon's config. Each `description` finishes the sentence "allowed: …". */
export const DaemonConfig = Type.Object(
  {
    stateDir: Type.String({
      minLength: 1,
      default: "/var/lib/swipewire-daemon",
      description: "the path of the folder that keeps the terminal's identity; relative to the config file's folder",
    }),
    log: Type.Object(
      {
        level: Type.Enum(["fatal", "error", "warn", "info", "debug", "silent"], {
          default: "info",
          description: "fatal, error, warn, info, debug or silent",
        }),
      },
      { additionalProperties: false, default: {}, description: "an object with level" },
    ),
    localApi: Type.Object(
      {
        port: Type.Integer({
          minimum: 0,
          maximum: 65_535,
          default: 7373,
          description: "a port from 0 (any free one) to 65535",
        }),
        allowedOrigins: Type.Array(
          Type.String({
            pattern: "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$",
            description: "an origin as browsers send it: scheme, host and port, nothing more",
          }),
          { maxItems: 16, default: [], description: "a list of up to 16 origins of web pages" },
        ),
      },
      { additionalProperties: false, default: {}, description: "an object with port and allowedOrigins" },
    ),
    certificateKey: Type.Optional(
      Type.Object(
        {
          module: Type.String({ minLength: 1, description: "the path of a PKCS#11 library" }),
          token: Type.String({ minLength: 1, maxLength: 32, description: "the label of a token, 1 to 32 characters" }),
          pinFile: Type.String({ minLength: 1, description: "the path of a file with the token's PIN" }),
        },
        { additionalProperties: false, description: "an object with module, token and pinFile" },
      ),
    ),
    findReaders: Type.Optional(
      Type.Boolean({ default: true, description: "true or false: use the USB readers that are plugged in" }),
    ),
    readers: Type.Array(Reader, { maxItems: 8, default: [], description: "a list of up to 8 readers" }),
    profiles: Type.Array(ReaderProfile, {
      maxItems: 64,
      default: [],
      description: "a list of up to 64 profiles of readers that the daemon does not know by itself",
    }),
  },
  {
    additionalProperties: false,
    description: "an object with stateDir, log, localApi, certificateKey, findReaders, readers and profiles",
  },
);
export type DaemonConfig = Type.Static<typeof DaemonConfig>;
