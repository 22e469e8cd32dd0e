import { FrameReader, frame, MAX_FRAME } from "@swipewire/protocol/iso8583/framing";
import fc from "fast-check";
import t from "tap";

const hex = (value: Uint8Array) => Buffer.from(value).toString("hex");

t.test("puts messages together whatever pieces they come in", async () => {
  const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, sizes) => {
      const stream = Uint8Array.from(sent.flatMap((message) => [...frame(message)]));
      const reader = new FrameReader();
      const got: string[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length] ?? 1;
        got.push(...reader.push(stream.subarray(at, at + size)).map(hex));
        at += size;
      }
      return got.join() === sent.map(hex).join();
    }),
  );
});

t.test("messages that came before an impossible length are overwritten, for nobody gets them", async (t) => {
  const copied = t.capture(Uint8Array.prototype, "slice", Uint8Array.prototype.slice);
  t.throws(() => new FrameReader().push(Uint8Array.of(0, 3, 0x62, 0x24, 0x24, 0, 0)), { code: "iso8583_frame_length" });
  const copies = copied().flatMap((call) => ("returned" in call ? [call.returned] : []));
  t.equal(copies.length, 1);
  t.ok(copies.every((copy) => copy.every((byte) => byte === 0)));
});

t.test("takes the longest message and refuses longer and empty ones as soon as their length is there", async (t) => {
  const longest = new Uint8Array(MAX_FRAME).fill(7);
  t.equal(new FrameReader().push(frame(longest))[0]?.length, MAX_FRAME);
  for (const length of [
    [0x10, 0x01],
    [0xff, 0xff],
    [0, 0],
  ]) {
    t.throws(() => new FrameReader().push(Uint8Array.from(length)), { code: "iso8583_frame_length" });
  }
  t.throws(() => frame(new Uint8Array(MAX_FRAME + 1)), { code: "iso8583_frame_length" });
  t.throws(() => frame(new Uint8Array()), { code: "iso8583_frame_length" });
});
