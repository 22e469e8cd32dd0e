import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { PROMPTS } from "@swipewire/gateway/voice/voice-channel";
import t, { type Test } from "tap";
import { askPin } from "../../gateway/pin-calls.ts";
import { listener } from "../../gateway/voice-suite.ts";
import { baresipChildren, NUMBER, openBaresip } from "./baresip-floor.ts";
import { startCallee } from "./sipp-callee.ts";

/** A SIP server of few words: a UDP socket, and the first request that came to it. */
async function listen(t: Test) {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  t.teardown(() => socket.close());
  const first = once(socket, "message").then(([request, from]) => ({
    request: String(request),
    from: from as AddressInfo,
  }));
  return { socket, port: socket.address().port, first };
}

/** Of a SIP response to `request`, with `body` as its SDP. */
function respond(request: string, status: string, contact: string, body = ""): string {
  const copied = request.split("\r\n").filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/.test(line));
  const headers = copied.map((line) => (line.startsWith("To:") ? `${line};tag=payer` : line));
  const type = body === "" ? [] : ["Content-Type: application/sdp"];
  return [`SIP/2.0 ${status}`, ...headers, contact, ...type, `Content-Length: ${body.length}`, "", body].join("\r\n");
}

t.test("it registers with the digest that the trunk asks for", async (t) => {
  const password = "p@ss/w0rd!#%*()+=?^_{|}~";
  const port = await startCallee(t, "registrar", { user: "gateway", password });
  const { log } = await openBaresip(t, port, { register: true, password });
  t.notMatch(log.join(""), "p@ss");
});

t.test("a registration that is refused is told, without the password", async (t) => {
  const port = await startCallee(t, "registrar", { user: "gateway", password: "right" });
  const { log, logged } = await openBaresip(t, port, { register: true, password: "wrong-one", connected: false });
  await logged("voice_registration_refused");
  t.notMatch(log.join(""), "wrong-one");
});

t.test("SRTP is asked for with keys, and nothing less", async (t) => {
  const { port, first } = await listen(t);
  const { voice } = await openBaresip(t, port, { srtp: true });
  voice.call(NUMBER, "enter-pin", () => {});
  const { request } = await first;
  t.match(request, /^INVITE sip:\+8613800001379@127\.0\.0\.1:\d+;user=phone;/);
  t.match(request, /\r\nm=audio \d+ RTP\/SAVP .*101\r\n/);
  t.match(request, /\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:/);
});

t.test("over TLS the trunk is greeted in TLS, and the operator is warned of what that does not prove", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { voice, log } = await openBaresip(t, port, { transport: "tls" });
  t.match(log.join(""), "does not verify the certificate");
  voice.call(NUMBER, "enter-pin", () => {});
  const [socket]: Socket[] = await once(server, "connection");
  const [hello]: Buffer[] = await once(socket as Socket, "data");
  t.equal(hello?.[0], 0x16, "a TLS handshake record (RFC 8446 5.1)");
  socket?.destroy();
  server.close();
});

t.test("whoever calls the gateway is turned away", async (t) => {
  const { socket, first } = await listen(t);
  // Below those that the system gives away, since the next one has to be free too.
  const sipPort = 10_000 + 2 * (process.pid % 3_000);
  await openBaresip(t, 9, { sipPort });
  const own = `127.0.0.1:${socket.address().port}`;
  const sdp = "v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
  const invite = [
    `INVITE sip:gateway@127.0.0.1:${sipPort} SIP/2.0`,
    `Via: SIP/2.0/UDP ${own};branch=z9hG4bKcaller`,
    `From: <sip:caller@${own}>;tag=caller`,
    `To: <sip:gateway@127.0.0.1:${sipPort}>`,
    "Call-ID: incoming",
    "CSeq: 1 INVITE",
    `Contact: <sip:caller@${own}>`,
    "Content-Type: application/sdp",
    `Content-Length: ${sdp.length}`,
    "",
    sdp,
  ].join("\r\n");
  const statuses = new Promise<string>((resolve) => {
    socket.on("message", (response) => {
      const status = String(response).slice(8, 11);
      if (Number(status) >= 300) resolve(status);
    });
  });
  socket.send(invite, sipPort, "127.0.0.1");
  t.match((await first).request, /^SIP\/2\.0 1/);
  t.match(await statuses, /^(?:4|6)/);
});

t.test("its folder is its own, holds no password while it runs, and goes with it", async (t) => {
  const port = await startCallee(t, "types");
  const folder = t.testdir();
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  t.teardown(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  const { voice } = await openBaresip(t, port, { password: "secret" });
  t.equal(await askPin(voice, NUMBER), "1379");
  const folders = readdirSync(folder);
  t.equal(folders.length, PROMPTS.length);
  for (const own of folders) {
    t.equal(statSync(join(folder, own)).mode & 0o777, 0o700);
    for (const name of readdirSync(join(folder, own))) {
      t.equal(statSync(join(folder, own, name)).mode & 0o777, 0o600, name);
      t.notOk(readFileSync(join(folder, own, name)).includes("secret"), name);
    }
    t.notOk(existsSync(join(folder, own, "accounts")));
  }
  t.equal(baresipChildren().length, PROMPTS.length);
  await voice.close();
  t.same(readdirSync(folder), []);
  t.same(baresipChildren(), []);
});

t.test("a number that is no phone number is not dialled", async (t) => {
  const { port, first } = await listen(t);
  const { voice } = await openBaresip(t, port);
  for (const number of [
    "",
    "+86",
    "13800001379",
    "+8613800001379@evil",
    "+8613800001379\r\nhangup",
    "+86 138 0000 1379",
  ]) {
    const call = listener();
    voice.call(number, "enter-pin", call.on).hangup();
    t.same(call.events, []);
    await call.until("ended");
    t.same(call.causes, ["unreachable"]);
  }
  voice.call(NUMBER, "enter-pin", () => {});
  t.match((await first).request, "INVITE sip:+8613800001379@", "the first that the trunk hears of");
});

t.test("the payer hears the prompt asked for in the language of the number, from its beginning", async (t) => {
  for (const [number, language, prompt] of [
    ["+8613800001379", "zh", "enter-pin"],
    ["+447700900123", "en", "enter-pin"],
    ["+447700900123", "en", "wrong-pin"],
  ] as const) {
    const { socket, port, first } = await listen(t);
    const { voice } = await openBaresip(t, port, { languages: [{ prefix: "+86", language: "zh" }] });
    const rtp = await listen(t);
    const heard = new Promise<number[]>((resolve) => {
      const samples: number[] = [];
      rtp.socket.on("message", (packet) => {
        if ((packet[1] ?? 0) % 128 === 0) samples.push(...packet.subarray(12).map((byte) => byte));
        if (samples.length >= 8_000) resolve(samples);
      });
    });
    const call = voice.call(number, prompt, () => {});
    const { request, from } = await first;
    const sdp = `v=0\r\no=payer 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${rtp.port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n`;
    socket.send(respond(request, "200 OK", `Contact: <sip:payer@127.0.0.1:${port}>`, sdp), from.port, from.address);
    const sound = (await heard).slice(0, 8_000).map(linear);
    call.hangup();
    const file = join(import.meta.dirname, `../../../gateway/voice/prompts/${language}/${prompt}.wav`);
    const wav = readFileSync(file);
    const off = sound.filter((sample, at) => {
      const expected = wav.readInt16LE(44 + at * 2);
      return Math.abs(sample - expected) > 16 + Math.abs(expected) / 16;
    });
    t.ok(off.length < 80, `${off.length} of 8000 samples differ by more than G.711 does`);
  }
});

/** G.711 μ-law, table 2a. */
function linear(byte: number): number {
  const code = ~byte & 0xff;
  const magnitude = ((((code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84;
  return code & 0x80 ? -magnitude : magnitude;
}

t.test("a prompt that can't be played keeps the channel from opening", async (t) => {
  const prompts = t.testdir({ en: { "enter-pin.wav": "RIFF no WAV" } });
  await t.rejects(openBaresip(t, 9, { prompts }), { code: "voice_prompt_unusable", message: /enter-pin\.wav: no WAV/ });
  await t.rejects(openBaresip(t, 9, { language: "de" }), { code: "voice_prompt_unusable", message: /ENOENT/ });
});

t.test("a channel closed while it is being opened leaves nothing behind", async (t) => {
  const { voice } = await openBaresip(t, 9, { connected: false });
  await voice.close();
  t.same(baresipChildren(), []);
});
