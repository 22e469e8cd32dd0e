import { configReader } from "@swipewire/protocol/config/config-reader";
import { strict } from "@swipewire/protocol/messages/fields";
import fc from "fast-check";
import t from "tap";
import Type from "typebox";

const port = Type.Integer({ minimum: 1, maximum: 65_535, default: 80, description: "a port" });
const Kettle = strict({ kind: Type.Literal("kettle"), litres: Type.Integer({ description: "litres" }) });
const Pot = strict({ kind: Type.Literal("pot"), glazed: Type.String({ description: "a colour" }) });
const schema = strict({
  http: Type.Object(
    {
      port,
      publicUrl: Type.Optional(Type.String({ format: "url", description: "a URL" })),
      trusted: Type.Array(Type.String({ format: "even", description: "a text of even length" }), {
        default: [],
        description: "a list of texts",
      }),
    },
    { additionalProperties: false, default: {} },
  ),
  password: Type.Optional(Type.String({ minLength: 8, writeOnly: true, description: "8 characters" })),
  vessel: Type.Optional(
    Type.Unsafe<Type.Static<typeof Kettle> | Type.Static<typeof Pot>>({
      type: "object",
      discriminator: { propertyName: "kind" },
      required: ["kind"],
      oneOf: [Kettle, Pot],
      description: "an object whose kind is kettle or pot",
    }),
  ),
  cups: Type.Array(strict({ size: Type.Integer({ description: "a size" }) }), {
    default: [],
    description: "a list of cups",
  }),
});
const read = configReader(schema, { prefix: "TEA_", formats: { even: (text) => text.length % 2 === 0 } });

function reading(settings: unknown, environment: Record<string, string | undefined> = {}) {
  const text = typeof settings === "string" ? settings : JSON.stringify(settings);
  return read({ file: { name: "FILE", text }, environment });
}
const problems = (...args: Parameters<typeof reading>) => {
  const result = reading(...args);
  return "problems" in result ? result.problems : [];
};
const plain = { http: { port: 80, trusted: [] }, cups: [] };

t.test("what is given nowhere is as the schema has it", async (t) => {
  t.strictSame(read({ environment: {} }), { config: plain });
  t.strictSame(reading({}, { PATH: "/bin", TEA_CONFIG: "FILE", TEA_PASSWORD: undefined }), { config: plain });
});

t.test("a program's own check is asked where the schema has nothing to say", async (t) => {
  const strict = configReader(schema, {
    prefix: "TEA_",
    formats: { even: () => true },
    check: ({ cups }) => (cups.length > 1 ? [{ path: "cups.1", text: "is one too many" }] : []),
  });
  const cups = [{ size: 1 }, { size: 2 }];
  const file = { name: "FILE", text: JSON.stringify({ cups }) };
  t.strictSame(strict({ file, environment: {} }), { problems: ["FILE: cups.1: is one too many"] });
  t.strictSame(strict({ file, environment: { TEA_CUPS: JSON.stringify(cups) } }), {
    problems: ["TEA_CUPS: cups.1: is one too many"],
  });
  t.strictSame(strict({ file, environment: { TEA_HTTP_PORT: "0" } }), {
    problems: ["TEA_HTTP_PORT: http.port: got 0; allowed: a port"],
  });
  t.match(strict({ environment: {} }), { config: plain });
});

t.test("variables have the last word, read as the schema has their fields", async (t) => {
  const environment = {
    TEA_HTTP_PORT: "8080",
    TEA_HTTP_PUBLIC_URL: "https://tea.example",
    TEA_HTTP_TRUSTED: "ab, cdef,",
    TEA_PASSWORD: "12345678",
    TEA_VESSEL_KIND: "kettle",
    TEA_VESSEL_LITRES: "2",
    TEA_CUPS: '[{"size":3}]',
  };
  const file = { http: { port: 1, trusted: ["xx"] }, vessel: { kind: "pot" }, cups: [] };
  t.strictSame(reading(file, environment), {
    config: {
      http: { port: 8080, publicUrl: "https://tea.example", trusted: ["ab", "cdef"] },
      password: "12345678",
      vessel: { kind: "kettle", litres: 2 },
      cups: [{ size: 3 }],
    },
  });
  t.match(reading(file, { TEA_HTTP_TRUSTED: "", TEA_VESSEL_GLAZED: "blue" }), {
    config: { http: { trusted: [] }, vessel: { glazed: "blue" } },
  });
});

t.test("every problem is told once: file or variable, field, what was given, what is allowed", async (t) => {
  const file = {
    http: { port: 0, prot: 1, publicUrl: "https://me:hidden@" },
    vessel: { kind: "cup" },
    cups: [{ size: "big" }, {}],
    leaves: "green",
  };
  const environment = { TEA_HTTP_TRUSTED: "ab,cde", TEA_HTTP_PORT: "1.5", TEA_PASSWORD: "secret", TEA_POT: "x" };
  t.strictSame(
    new Set(problems(file, environment)),
    new Set([
      "TEA_POT: there is no such variable; allowed: TEA_HTTP_PORT, TEA_HTTP_PUBLIC_URL, TEA_HTTP_TRUSTED, TEA_PASSWORD, TEA_VESSEL_KIND, TEA_VESSEL_LITRES, TEA_VESSEL_GLAZED, TEA_CUPS",
      'TEA_HTTP_PORT: http.port: got "1.5"; allowed: a port',
      'TEA_HTTP_TRUSTED: http.trusted.1: got "cde"; allowed: a text of even length',
      "TEA_PASSWORD: password: got a value that is not shown; allowed: 8 characters",
      "FILE: http.prot: there is no such field; allowed: port, publicUrl, trusted",
      'FILE: http.publicUrl: got "https://…@"; allowed: a URL',
      'FILE: vessel.kind: got "cup"; allowed: an object whose kind is kettle or pot',
      'FILE: cups.0.size: got "big"; allowed: a size',
      "FILE: cups.1.size: got nothing; allowed: a size",
      "FILE: leaves: there is no such field; allowed: http, password, vessel, cups",
    ]),
  );
});

t.test("a value of the wrong kind is told by its kind", async (t) => {
  t.strictSame(problems({ http: [], cups: {}, password: { secret: 1 }, vessel: null }), [
    "FILE: http: got a list of 0; allowed: an object with port, publicUrl, trusted",
    "FILE: password: got a value that is not shown; allowed: 8 characters",
    "FILE: vessel: got null; allowed: an object whose kind is kettle or pot",
    "FILE: cups: got an object; allowed: a list of cups",
  ]);
  t.strictSame(problems({ http: 1 }, { TEA_HTTP_PORT: "80" }), [
    "FILE: http: got 1; allowed: an object with port, publicUrl, trusted",
  ]);
  t.strictSame(problems({}, { TEA_CUPS: "[{" }), ['TEA_CUPS: cups: got "[{"; allowed: a list of cups']);
});

t.test("a file that is no JSON or no object is told by the place, without its content", async (t) => {
  t.strictSame(problems('{ "password": hunter2 }'), ["FILE: is not JSON"]);
  t.strictSame(problems('{\n  "password": "hunter2"\n  "cups": []\n}'), ["FILE: is not JSON (line 3, column 3)"]);
  t.strictSame(problems([1]), ["FILE: got a list of 1; allowed: a JSON object"]);
  t.strictSame(problems("null"), ["FILE: got null; allowed: a JSON object"]);
});

t.test("whatever the file holds, it is a config or a list of problems", async () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.json(), fc.dictionary(fc.constantFrom("http", "cups", "vessel", "x"), fc.jsonValue())),
      (file) => {
        const result = reading(file);
        return (
          "config" in result || (result.problems.length > 0 && result.problems.every((line) => /^FILE: /.test(line)))
        );
      },
    ),
  );
});
