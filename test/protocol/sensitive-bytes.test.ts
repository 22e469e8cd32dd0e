import { inspect } from "node:util";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import t from "tap";

const secret = () => SensitiveBytes.copyOf(new TextEncoder().encode("4111111111111111"));

t.test("prints as [redacted] however it is printed", async (t) => {
  const bytes = secret();
  t.equal(`${bytes}`, "[redacted]");
  t.equal(String(bytes), "[redacted]");
  t.equal(`a${bytes as unknown as string}`, "a[redacted]");
  t.equal(JSON.stringify({ bytes }), '{"bytes":"[redacted]"}');
  t.equal(inspect({ bytes }, { depth: 9, showHidden: true }), "{ bytes: [redacted] }");
});

t.test("overwrites its bytes when wiped, and refuses to be used after", async (t) => {
  const buffer = new TextEncoder().encode("4111111111111111");
  const bytes = new SensitiveBytes(buffer);
  t.equal(
    bytes.use((b) => b.length),
    16,
  );
  bytes.wipe();
  t.ok(buffer.every((b) => b === 0));
  t.ok(bytes.wiped);
  t.throws(() => bytes.use(() => 0), { code: "sensitive_bytes_wiped" });
  bytes.wipe();
});

t.test("is wiped at the end of a `using` block", async (t) => {
  const bytes = secret();
  {
    using held = bytes;
    t.notOk(held.wiped);
  }
  t.ok(bytes.wiped);
});
