import { deepEqual, equal } from "node:assert/strict";
import { compileDialect, wipeMessage } from "@swipewire/protocol/iso8583/codec";
import { iso1987Binary } from "@swipewire/protocol/iso8583/dialects/iso1987";
import { unionPayCodec } from "@swipewire/protocol/iso8583/unionpay-messages";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { measure } from "./measure.ts";
import { Iso8583, type PeerMessage } from "./peers.ts";
import type { Row } from "./table.ts";

/** Measured once on a machine of this size; jPOS itself is not run here. */
const JPOS = { build: "jPOS 328,000/s (published)", parse: "jPOS 698,000/s (published)" };

const TRACK = "9001100000000027=00000000000000000000";
const PIN_BLOCK = "3D87C8B8FA17C67C";
const MAC = "3238433741464235";
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const sensitive = (content: Uint8Array) => SensitiveBytes.copyOf(content);
const ascii = (text: string) => new TextEncoder().encode(text);

/** The 14 fields of a magnetic-stripe purchase with a PIN, as the UnionPay specification has them. */
const plain = {
  3: "000000",
  4: "000000012800",
  11: "013867",
  22: "021",
  25: "00",
  26: "12",
  41: "11115007",
  42: "123456789111115",
  49: "156",
  53: "2600000000000000",
};
const fields = () => ({
  ...plain,
  35: sensitive(ascii(TRACK)),
  52: sensitive(bytes(PIN_BLOCK)),
  64: bytes(MAC),
});
const peerMessage: PeerMessage = { 0: "0200", ...plain, 35: TRACK, 52: PIN_BLOCK, 60: "22001437000", 64: MAC };

/** Where the peer's own formats are not those of the standard. */
const PEER_FORMATS = {
  53: { ContentType: "n", Label: "security control", LenType: "fixed", MaxLen: 16 },
  64: { ContentType: "b", Label: "message authentication code", LenType: "fixed", MaxLen: 16 },
};

/** Building and parsing of a 0200, in our dialects and by the peer. */
export function iso8583(): Row[] {
  const ascii87 = compileDialect(iso1987Binary);
  const message87 = { tpdu: "", header: "", mti: "0200", fields: { ...fields(), 60: sensitive(ascii("22001437000")) } };
  const wire87 = ascii87.build(message87);
  const unionPay = {
    tpdu: "6000000000",
    header: "603100311003",
    mti: "0200",
    fields: { ...fields(), 60: "22001437000" },
  };
  const unionPayWire = unionPayCodec.build(unionPay);
  const peerWire = new Iso8583(peerMessage, PEER_FORMATS).getBufferMessage();
  if (!Buffer.isBuffer(peerWire)) throw new Error(`the peer does not build: ${peerWire.error}`);
  // Both sides must do the whole work, or the rates mean nothing.
  equal(ascii87.parse(wire87).fields[4], plain[4]);
  deepEqual(Object.keys(unionPayCodec.parse(unionPayWire).fields).length, 14);
  const peerParsed = new Iso8583(undefined, PEER_FORMATS).getIsoJSON(peerWire) as PeerMessage;
  for (const [number, value] of Object.entries(peerMessage)) equal(peerParsed[number]?.toUpperCase(), value);

  const [build87, peerBuild, buildUnionPay] = measure([
    { name: "", run: () => ascii87.build(message87) },
    { name: "iso_8583", run: () => new Iso8583(peerMessage, PEER_FORMATS).getBufferMessage() },
    { name: "", run: () => unionPayCodec.build(unionPay) },
  ]);
  const [parse87, peerParse, parseUnionPay] = measure([
    { name: "", run: () => ascii87.parse(wire87) },
    { name: "iso_8583", run: () => new Iso8583(undefined, PEER_FORMATS).getIsoJSON(peerWire) },
    { name: "", run: () => unionPayCodec.parse(unionPayWire) },
  ]);
  wipeMessage(message87);
  wipeMessage(unionPay);
  return [
    { subject: "0200 build, ISO 8583:1987 ASCII", ours: build87, peer: peerBuild, times: 8 },
    { subject: "0200 build, ISO 8583:1987 ASCII", ours: build87, published: JPOS.build },
    { subject: "0200 build, UnionPay", ours: buildUnionPay, peer: peerBuild, times: 8 },
    { subject: "0200 build, UnionPay", ours: buildUnionPay, published: JPOS.build },
    { subject: "0200 parse, ISO 8583:1987 ASCII", ours: parse87, peer: peerParse, times: 8 },
    { subject: "0200 parse, ISO 8583:1987 ASCII", ours: parse87, published: JPOS.parse },
    { subject: "0200 parse, UnionPay", ours: parseUnionPay, peer: peerParse, times: 8 },
    { subject: "0200 parse, UnionPay", ours: parseUnionPay, published: JPOS.parse },
  ];
}
