import { type Swipe, wipeSwipe } from "@swipewire/protocol/card/swipe";
import { openSealedSwipe } from "@swipewire/protocol/envelope/open";
import { sealSwipe } from "@swipewire/protocol/envelope/seal";
import { EnvelopeUnreadable } from "@swipewire/protocol/errors";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";
import { CompactEncrypt, type CryptoKey, compactDecrypt, exportJWK, FlattenedSign, generateKeyPair } from "jose";
import t from "tap";

const TRACK_2 = ";4111111111111111=30121010000012300000?";
const context = {
  terminal: "6f8f2c3a-6c1e-4f0e-8f57-0f7b8a0e2a11",
  swipe: "0d9a5cf0-6d3c-4f45-9d19-0a8a3a4b7c22",
  payment: "b7e1c7a4-3d52-4b39-8b51-9b1b6c2d3e33",
  order: "c3f2b8d5-1a64-4c7e-9d20-2f6a1b7c8d44",
  pin: true,
  phone: "+8613800000000",
  at: 1_793_534_400_000,
};

const terminal = await generateKeyPair("EdDSA", { extractable: true });
const stranger = await generateKeyPair("EdDSA", { extractable: true });
const gateway = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
const publicJwk = async (key: CryptoKey, kid?: string) =>
  ({ ...(await exportJWK(key)), ...(kid === undefined ? {} : { kid }) }) as PublicJwk;
const sealingKey = await publicJwk(gateway.publicKey, "2026-11");
const verificationKey = await publicJwk(terminal.publicKey);

async function decrypt(jwe: string): Promise<SensitiveBytes> {
  try {
    return new SensitiveBytes((await compactDecrypt(jwe, gateway.privateKey)).plaintext);
  } catch {
    throw new EnvelopeUnreadable();
  }
}

const clearSwipe = (): Swipe => ({
  kind: "clear",
  family: "ascii",
  tracks: [{ number: 2, data: SensitiveBytes.copyOf(new TextEncoder().encode(TRACK_2)) }],
});

t.test("a clear swipe comes out as it went in, bound to its payment", async (t) => {
  const sealed = await sealSwipe(clearSwipe(), context, terminal.privateKey, sealingKey);
  const opened = await openSealedSwipe(sealed, decrypt, verificationKey);
  t.same(opened.context, context);
  t.equal(opened.swipe.kind, "clear");
  if (opened.swipe.kind !== "clear") return;
  t.equal(
    opened.swipe.tracks[0]?.data.use((bytes) => new TextDecoder().decode(bytes)),
    TRACK_2,
  );
  wipeSwipe(opened.swipe);
  t.ok(opened.swipe.tracks.every(({ data }) => data.wiped));
});

t.test("any swipe that a reader encrypted comes out as it went in", async () => {
  const blockOf = (tracks: (1 | 2 | 3)[]) =>
    fc.integer({ min: 1, max: 43 }).chain((n) =>
      fc.record({
        tracks: fc.constant(tracks),
        lengths: fc.constant(tracks.map((track) => track * 20)),
        ciphertext: fc.uint8Array({ minLength: n * 8, maxLength: n * 8 }),
      }),
    );
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 10, maxLength: 10 }),
      fc.oneof(fc.tuple(blockOf([1, 2])), fc.tuple(blockOf([1]), blockOf([2]), blockOf([3]))),
      fc.uint8Array({ minLength: 20, maxLength: 20 }),
      async (ksn, blocks, sha1) => {
        const swipe: Swipe = {
          kind: "encrypted",
          family: "idtech",
          serial: "T134000064",
          scheme: "tdes-dukpt-data-cbc",
          ksn,
          blocks,
          hashes: [{ track: 1, sha1 }],
          clearTracks: [],
        };
        const sealed = await sealSwipe(swipe, context, terminal.privateKey, sealingKey);
        const opened = await openSealedSwipe(sealed, decrypt, verificationKey);
        t.same(JSON.stringify(opened.swipe), JSON.stringify(swipe));
      },
    ),
    { numRuns: 25, seed: 7 },
  );
});

t.test("what travels holds neither the PAN nor the track, in any common encoding", async (t) => {
  const sealed = await sealSwipe(clearSwipe(), context, terminal.privateKey, sealingKey);
  for (const part of sealed.split(".")) {
    const bytes = Buffer.from(part, "base64url");
    t.notOk(bytes.includes("4111111111111111"));
    t.notOk(bytes.includes(Buffer.from("4111111111111111", "hex")));
  }
});

t.test("every single flipped character is refused as unreadable", async (t) => {
  const sealed = await sealSwipe(clearSwipe(), context, terminal.privateKey, sealingKey);
  for (let at = 0; at < sealed.length; at += 17) {
    // The last character of a part may carry bits that belong to no byte.
    if (sealed[at] === "." || sealed[at + 1] === "." || at === sealed.length - 1) continue;
    const altered = `${sealed.slice(0, at)}${sealed[at] === "A" ? "B" : "A"}${sealed.slice(at + 1)}`;
    await t.rejects(openSealedSwipe(altered, decrypt, verificationKey), { code: "envelope_unreadable" });
  }
});

t.test("another terminal's signature is refused", async (t) => {
  const sealed = await sealSwipe(clearSwipe(), context, stranger.privateKey, sealingKey);
  await t.rejects(openSealedSwipe(sealed, decrypt, verificationKey), { code: "envelope_signature_invalid" });
});

const encrypt = (plaintext: Uint8Array) =>
  new CompactEncrypt(plaintext).setProtectedHeader({ alg: "ECDH-ES", enc: "A256GCM" }).encrypt(gateway.publicKey);

t.test("a plaintext that holds no signature is malformed", async (t) => {
  for (const plaintext of [[], [0], [0, 9, 1], [0, 3, 97, 46, 98, 0], [0, 0]]) {
    const sealed = await encrypt(Uint8Array.from(plaintext));
    await t.rejects(openSealedSwipe(sealed, decrypt, verificationKey), { code: "envelope_malformed" });
  }
});

const goodHeader = {
  alg: "EdDSA",
  b64: false,
  crit: ["b64"],
  typ: "swipewire-swipe+1",
  kid: context.terminal,
  swipe: context.swipe,
  payment: context.payment,
  order: context.order,
  pin: context.pin,
  phone: context.phone,
  at: context.at,
  content: { kind: "clear", family: "ascii", tracks: [{ number: 2, length: 4 }] },
};

/** Signed and encrypted as a terminal would, whatever it is. */
async function sealAnything(header: Record<string, unknown>, payload: string) {
  const bytes = new TextEncoder().encode(payload);
  const jws = await new FlattenedSign(bytes).setProtectedHeader(header as { alg: string }).sign(terminal.privateKey);
  const detached = Buffer.from(`${jws.protected}..${jws.signature}`);
  return encrypt(Buffer.concat([Uint8Array.from([detached.length >> 8, detached.length & 255]), detached, bytes]));
}

t.test("a signed header of another shape, and a payload that is not what the header says, are malformed", async (t) => {
  await t.resolves(openSealedSwipe(await sealAnything(goodHeader, ";1=?"), decrypt, verificationKey));
  for (const [header, payload] of [
    [goodHeader, ";1?"],
    [goodHeader, ";12=?"],
    [{ ...goodHeader, note: 1 }, ";1=?"],
    [{ ...goodHeader, kid: "someone" }, ";1=?"],
    [{ ...goodHeader, content: { kind: "clear", family: "ascii", tracks: [{ number: 4, length: 4 }] } }, ";1=?"],
  ] as const) {
    await t.rejects(openSealedSwipe(await sealAnything(header, payload), decrypt, verificationKey), {
      code: "envelope_malformed",
    });
  }
});

t.test("a terminal cannot claim a reader's KSN with nothing encrypted under it", async (t) => {
  const claim = {
    kind: "encrypted",
    family: "ascii",
    scheme: "tdes-dukpt-data-cbc",
    ksn: "ffff9876543210ffffff",
    hashes: [],
    tracks: [{ number: 2, length: 4 }],
  };
  const block = { tracks: [2], lengths: [4], length: 8 };
  for (const [content, payload] of [
    [{ ...claim, blocks: [] }, ";1=?"],
    [{ ...claim, blocks: [block] }, "12345678;1=?"],
    [{ ...claim, blocks: [block, block], tracks: [] }, "1234567812345678"],
  ] as const) {
    const sealed = await sealAnything({ ...goodHeader, content }, payload);
    await t.rejects(openSealedSwipe(sealed, decrypt, verificationKey), { code: "envelope_malformed" });
  }
});

t.test("no copy of a track is left when the payload is not what the header says", async (t) => {
  const tracks = [
    { number: 1, length: 4 },
    { number: 2, length: 4 },
  ];
  const copies: Uint8Array[] = [];
  const copied = t.capture(Uint8Array.prototype, "slice", Uint8Array.prototype.slice);
  for (const payload of [";1=?", ";1=?;1=?;", ";1=?;1="]) {
    const sealed = await sealAnything({ ...goodHeader, content: { ...goodHeader.content, tracks } }, payload);
    copied();
    await t.rejects(openSealedSwipe(sealed, decrypt, verificationKey), { code: "envelope_malformed" });
    for (const call of copied()) if ("returned" in call) copies.push(call.returned);
  }
  t.notOk(copies.some((copy) => Buffer.from(copy).includes(";1=?")));
});
