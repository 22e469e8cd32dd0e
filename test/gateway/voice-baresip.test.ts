import { deepStrictEqual } from "node:assert";
import { BaresipCall } from "@swipewire/gateway/voice/baresip-call";
import { readBaresipMessage } from "@swipewire/gateway/voice/baresip-message";
import { NetstringReader, netstring } from "@swipewire/gateway/voice/netstring";
import { promptForCall, readPrompt, SHIPPED_PROMPTS } from "@swipewire/gateway/voice/prompt-files";
import { accountLine, callOf, callUri } from "@swipewire/gateway/voice/sip-account";
import { Millis, Seconds } from "@swipewire/protocol/time";
import fc from "fast-check";
import t from "tap";
import { SimulatedClock } from "../simulated-clock.ts";
import { listener } from "./voice-suite.ts";

t.test("netstrings come out as they went in, however the stream is cut", (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.integer({ min: 1, max: 40 }), (texts, size) => {
      const stream = Buffer.concat(texts.map(netstring));
      const reader = new NetstringReader();
      const out: string[] = [];
      for (let at = 0; at < stream.length; at += size) {
        out.push(...reader.push(stream.subarray(at, at + size)).map(String));
      }
      deepStrictEqual(out, texts);
    }),
  );
  t.end();
});

t.test("what is no netstring is refused", (t) => {
  for (const stream of ["x", ":", "3x", "3:abcd", "000000:", "999999:", "70000:", '{"event":true}']) {
    t.throws(() => new NetstringReader().push(Buffer.from(stream)), { code: "voice_control_garbled" }, stream);
  }
  t.end();
});

const event = (fields: object) =>
  Buffer.from(
    JSON.stringify({
      event: true,
      class: "call",
      accountaor: "sip:gateway@trunk",
      direction: "outgoing",
      peeruri: "sip:+8613800001379@trunk;swipewire-call=ab12;transport=udp",
      id: "c0ffee",
      ...fields,
    }),
  );
const call = (fields: object) => readBaresipMessage(event(fields));

t.test("a key is read as a byte, and its message is overwritten", (t) => {
  for (const key of "0123456789*#") {
    const bytes = event({ type: "CALL_DTMF_START", param: key });
    t.match(readBaresipMessage(bytes), { kind: "call", event: { kind: "key", key: key.charCodeAt(0) } });
    t.ok(bytes.every((byte) => byte === 0));
  }
  t.equal(call({ type: "CALL_DTMF_START", param: "A" }), undefined, "no key of a PIN");
  t.equal(call({ type: "CALL_DTMF_END" }), undefined);
  t.end();
});

t.test("what a peer says can't pass for a key", (t) => {
  const words = '486 ","type":"CALL_DTMF_START","param":"7"';
  t.match(call({ type: "CALL_CLOSED", param: words }), { event: { kind: "closed", status: 486 } });
  t.end();
});

t.test("the end of a call tells its SIP status, or whether it was a BYE", (t) => {
  for (const [param, status, bye] of [
    ["486 Busy Here", 486, false],
    ['404 Not "Found" \\ ä', 404, false],
    ["603", 603, false],
    ["Connection reset by user", undefined, true],
    ["Connection reset by peer", undefined, true],
    ["rtp stream error", undefined, false],
    ["12345", undefined, false],
    ["", undefined, false],
  ] as const) {
    t.strictSame(call({ type: "CALL_CLOSED", param }), {
      kind: "call",
      peer: "sip:+8613800001379@trunk;swipewire-call=ab12;transport=udp",
      id: "c0ffee",
      event: { kind: "closed", status, bye },
    });
  }
  t.end();
});

t.test("a message that can't be read is refused without its words, and overwritten", (t) => {
  for (const text of ['{"type":"CALL_DTMF_START","param":"7"', '{"event":"yes","param":"907351"}', "[]"]) {
    const bytes = Buffer.from(text);
    try {
      readBaresipMessage(bytes);
      t.fail(text);
    } catch (error) {
      t.match(error, { code: /^message_(?:not_json|invalid)$/ });
      t.notMatch(String(error), /7/);
    }
    t.ok(bytes.every((byte) => byte === 0));
  }
  const latin1 = Buffer.from('{"event":true,"type":"REGISTER_FAIL","param":"403 Verg\xe4ngnis"}', "latin1");
  t.strictSame(readBaresipMessage(latin1), { kind: "registration-failed", status: 403 });
  t.end();
});

t.test("a call is told from others by a parameter of its URI", (t) => {
  const trunk = { domain: "trunk", transport: "tls", user: "gateway", register: true, srtp: true } as const;
  t.equal(callUri(trunk, "+8613800001379", "ab12"), "sip:+8613800001379@trunk;user=phone;swipewire-call=ab12");
  t.equal(callOf(callUri({ ...trunk, port: 5061 }, "+8613800001379", "ab12")), "ab12");
  t.equal(callOf("sip:+8613800001379@trunk;swipewire-call=ab12;transport=tls"), "ab12");
  t.equal(callOf("sip:ringing@127.0.0.1:9;transport=udp"), undefined);
  t.equal(
    accountLine({ ...trunk, password: "secret" }),
    "<sip:gateway@trunk;transport=tls>;regint=600;auth_user=gateway;auth_pass=secret;mediaenc=srtp-mand;call_transfer=no;answermode=manual",
  );
  t.end();
});

/** A WAV file of these bytes. */
function wav({ rate = 8_000, channels = 1, bits = 16, encoding = 1, sound = Buffer.alloc(160, 7), extra = "" } = {}) {
  const format = Buffer.alloc(16);
  format.writeUInt16LE(encoding, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt16LE(bits, 14);
  const chunk = (name: string, content: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(content.length);
    return Buffer.concat([Buffer.from(name), length, content, Buffer.alloc(content.length % 2)]);
  };
  const chunks = [chunk("fmt ", format), ...(extra ? [chunk("LIST", Buffer.from(extra))] : []), chunk("data", sound)];
  return Buffer.concat([Buffer.from("RIFF\0\0\0\0WAVE"), ...chunks]);
}

t.test("prompts are WAV files with 8 kHz, mono, 16 bits; others are refused with what they are", async (t) => {
  const read = (file: Buffer) => readPrompt(t.testdir({ en: { "enter-pin.wav": file } }), "en", "enter-pin");
  t.same(await read(wav()), Buffer.alloc(160, 7));
  t.same(await read(wav({ extra: "odd" })), Buffer.alloc(160, 7), "chunks of no interest are passed over");
  for (const [file, detail] of [
    [wav({ rate: 44_100 }), /44100 Hz/],
    [wav({ channels: 2 }), /2 channels/],
    [wav({ bits: 8 }), /8 bits/],
    [wav({ encoding: 7 }), /encoding 7/],
    [wav({ sound: Buffer.alloc(0) }), /no sound/],
    [wav().subarray(0, 20), /no format/],
    [Buffer.from("ID3"), /no WAV/],
  ] as const) {
    await t.rejects(read(file), { code: "voice_prompt_unusable", message: detail });
  }
  await t.rejects(readPrompt(SHIPPED_PROMPTS, "tlh", "enter-pin"), { code: "voice_prompt_unusable" });
});

t.test("a prompt is repeated, with pauses, until the longest call is over", async (t) => {
  for (const [language, prompt] of [
    ["zh", "enter-pin"],
    ["zh", "wrong-pin"],
    ["en", "enter-pin"],
    ["en", "wrong-pin"],
  ] as const) {
    const samples = await readPrompt(SHIPPED_PROMPTS, language, prompt);
    const file = promptForCall(samples, Seconds(60));
    t.equal(file.length, 44 + 60 * 16_000);
    t.ok(file.subarray(44, 44 + samples.length).equals(samples));
    const again = 44 + samples.length + 8 * 16_000;
    t.ok(file.subarray(44 + samples.length, again).every((byte) => byte === 0));
    t.ok(file.subarray(again, again + samples.length).equals(samples));
    const folder = t.testdir({ [language]: { "enter-pin.wav": file } });
    t.ok((await readPrompt(folder, language, "enter-pin")).equals(file.subarray(44)), "it is a WAV file itself");
  }
});

function startCall() {
  const clock = new SimulatedClock();
  const heard = listener();
  const hungUp: string[] = [];
  const call = new BaresipCall({ clock, on: heard.on, hangUp: (id) => hungUp.push(id) });
  return { clock, heard, hungUp, call };
}

t.test("a call has an end of its own at every stage, and baresip is told of it", async (t) => {
  for (const [stages, limit, cause] of [
    [[], Seconds(20), "unreachable"],
    [["ringing"], Seconds(60), "no-answer"],
    [["ringing", "answered"], Seconds(130), "hangup"],
    [["answered"], Seconds(130), "hangup"],
  ] as const) {
    const { clock, heard, hungUp, call } = startCall();
    for (const kind of stages) call.take("c0ffee", { kind });
    await clock.advance(Millis(limit - 1));
    t.same(heard.causes, []);
    await clock.advance(Millis(1));
    t.same(heard.causes, [cause]);
    t.same(hungUp, stages.length > 0 ? ["c0ffee"] : []);
    t.equal(clock.pending, 0);
  }
});

t.test("a call hung up before baresip named it is hung up as soon as it does, and says no more", async (t) => {
  const { clock, heard, hungUp, call } = startCall();
  call.hangup();
  await clock.advance(Seconds(1));
  call.take("c0ffee", { kind: "ringing" });
  call.take("c0ffee", { kind: "answered" });
  call.take("c0ffee", { kind: "key", key: 0x31 });
  call.take("c0ffee", { kind: "closed", status: undefined, bye: true });
  t.same(hungUp, ["c0ffee"]);
  t.same(heard.events, [{ kind: "ended", cause: "hangup" }]);
});

t.test("a SIP status becomes the cause that it means at that stage", (t) => {
  for (const [before, status, cause] of [
    ["ringing", 486, "busy"],
    ["ringing", 600, "busy"],
    ["ringing", 603, "hangup"],
    ["ringing", 480, "no-answer"],
    [undefined, 480, "unreachable"],
    [undefined, 404, "unreachable"],
    [undefined, undefined, "unreachable"],
    [undefined, 403, "failed"],
    ["ringing", 500, "failed"],
    ["answered", 486, "failed"],
    ["answered", undefined, "failed"],
  ] as const) {
    const { heard, call } = startCall();
    if (before) call.take("c0ffee", { kind: before });
    call.take("c0ffee", { kind: "closed", status, bye: false });
    t.same(heard.causes, [cause], `${status} when ${before ?? "dialling"}`);
  }
  t.end();
});
