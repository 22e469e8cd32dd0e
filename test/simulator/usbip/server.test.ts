import { once } from "node:events";
import { version } from "@swipewire/protocol/readers/idtech-commands/version";
import { getKsn } from "@swipewire/protocol/readers/magtek-commands/get-ksn";
import { reset } from "@swipewire/protocol/readers/magtek-commands/reset";
import { Millis } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { readerKinds } from "@swipewire/simulator/usbip/reader-kinds";
import { UsbipServer } from "@swipewire/simulator/usbip/server";
import { UsbReader } from "@swipewire/simulator/usbip/usb-reader";
import t, { type Test } from "tap";
import { capturedLog } from "../../daemon/captured-log.ts";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { UsbipClient } from "./usbip-client.ts";

const kindOf = (name: string) => {
  const kind = readerKinds.find((kind) => kind.name === name);
  if (!kind) throw new Error(name);
  return kind;
};
const frameOf = (name: string) =>
  virtualReader(kindOf(name).family, { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10) }).nextFrame(
    testCard("visa-no-pin"),
  );

/** Hears commands as its kind does, and tells how often one had it begin anew. */
async function commanded(t: Test, name: string) {
  const clock = new SimulatedClock();
  const { logger } = capturedLog();
  const server = await UsbipServer.start({ host: "127.0.0.1", port: 0, logger });
  t.teardown(() => server.close());
  const kind = kindOf(name);
  const device = { clock, random: seededRandom(1), magtekLevel: 2 } as const;
  const ksn = Uint8Array.from(Buffer.from("FFFF9876543210E00001", "hex"));
  const { commands } = virtualReader(kind.family, { bdk: PUBLISHED_BDK, ksn, device });
  let resets = 0;
  const reader = new UsbReader({ kind, clock, ...(commands && { commands }), resets: () => void resets++ });
  server.plug("1-1", reader.device);
  const client = await UsbipClient.attach(server.port, "1-1");
  t.teardown(() => client.socket.destroy());
  const length = kind.shape.kind === "hid" ? (kind.shape.featureLength ?? 0) : 0;
  const setFeature = (request: Uint8Array, size = length) => {
    const data = new Uint8Array(size);
    data.set(request);
    return client.control({ type: CLASS_OUT, request: 9, value: 0x0300, data });
  };
  const getFeature = () => client.control({ type: 0xa1, request: 1, value: 0x0300, length });
  return { clock, client, length, setFeature, getFeature, resets: () => resets };
}

/** A server with these kinds of reader on 1-1, 1-2 and so on. */
async function serving(t: Test, ...kinds: string[]) {
  const clock = new SimulatedClock();
  const log = capturedLog();
  const server = await UsbipServer.start({ host: "127.0.0.1", port: 0, logger: log.logger });
  t.teardown(() => server.close());
  const readers = kinds.map((name, at) => {
    const reader = new UsbReader({ kind: kindOf(name), clock, serialNumber: `S${at}` });
    server.plug(`1-${at + 1}`, reader.device);
    return reader;
  });
  const attach = async (busId = "1-1") => {
    const client = await UsbipClient.attach(server.port, busId);
    t.teardown(() => client.socket.destroy());
    return client;
  };
  const [reader] = readers;
  if (!reader) throw new Error("no reader");
  const codes = () => log.lines().flatMap(({ code }) => (typeof code === "string" ? [code] : []));
  return { server, clock, readers, reader, attach, codes };
}

/** A frame arrives as it is sent, however many transfers it takes. */
async function sendsWhole(
  t: Test,
  { reader, client, clock }: { reader: UsbReader; client: UsbipClient; clock: SimulatedClock },
  frame: Uint8Array,
): Promise<void> {
  const sending = reader.send(frame);
  const received: number[] = [];
  while (received.length < frame.length) {
    received.push(...(await client.reply()).data);
    await clock.advance(Millis(10));
  }
  t.strictSame(Uint8Array.from(received), frame);
  t.equal(await sending, true);
}

const DEVICE_IN = 0x80;
const INTERFACE_IN = 0x81;
const CLASS_OUT = 0x21;
const GET_DESCRIPTOR = 6;

t.test("lists what is plugged in, with the classes of its interfaces", async (t) => {
  const { server } = await serving(t, "hid-msr", "idtech-serial", "keyboard");
  const client = await UsbipClient.connect(server.port);
  t.strictSame(await client.deviceList(), {
    head: "0111000500000000",
    devices: [
      { busId: "1-1", speed: 2, ids: "12090001", numbers: "000000000101", interfaces: "03000000" },
      { busId: "1-2", speed: 2, ids: "0acd0520", numbers: "020000000102", interfaces: "020201000a000000" },
      { busId: "1-3", speed: 2, ids: "08010001", numbers: "000000000101", interfaces: "03010100" },
    ],
  });
  await client.closed();
});

t.test("lends a device to one machine at a time, and to the next when that one lets go", async (t) => {
  const { server, attach } = await serving(t, "magtek");
  const first = await attach();
  const refused = async (busId: string) => (await (await UsbipClient.connect(server.port)).import(busId)).head;
  t.equal(await refused("1-1"), "0111000300000002");
  t.equal(await refused("1-9"), "0111000300000004");
  t.equal(await refused("x".repeat(32)), "0111000300000004", "a bus id without its end");
  first.socket.destroy();
  await once(first.socket, "close");
  await settle();
  t.match(await (await UsbipClient.connect(server.port)).import("1-1"), { status: 0, ids: "08010011", busId: "1-1" });
});

t.test("answers what a kernel asks of a HID device, and no more of it than wanted", async (t) => {
  const { attach, reader } = await serving(t, "magtek");
  const client = await attach();
  const descriptor = (type: number, length: number, index = 0) =>
    client.control({ type: DEVICE_IN, request: GET_DESCRIPTOR, value: (type << 8) | index, length });

  const device = await descriptor(1, 64);
  t.match(device, { status: 0, length: 18 });
  t.equal(Buffer.from(device.data).toString("hex"), "12011001000000400108110000010102030" + "1");
  t.match(await descriptor(1, 8), { status: 0, length: 8, data: device.data.subarray(0, 8) }, "clipped to wLength");
  const configuration = await descriptor(2, 255);
  t.equal(Buffer.from(configuration.data).readUInt16LE(2), configuration.length);
  t.match(await descriptor(2, 9), { length: 9, data: configuration.data.subarray(0, 9) });
  t.equal(Buffer.from((await descriptor(3, 255, 0)).data).toString("hex"), "04030904");
  for (const [index, text] of ["Mag-Tek", "USB Swipe Reader", "S0"].entries()) {
    const { data } = await descriptor(3, 255, index + 1);
    t.equal(Buffer.from(data.subarray(2)).toString("utf16le"), text);
  }
  t.match(await descriptor(3, 255, 9), { status: -32, length: 0 }, "a string that it has not");
  t.match(await descriptor(6, 10), { status: -32, length: 0 }, "a qualifier, which full speed has not");

  t.match(await client.control({ type: 0, request: 9, value: 1 }), { status: 0 }, "SET_CONFIGURATION");
  t.strictSame((await client.control({ type: DEVICE_IN, request: 8, length: 1 })).data, Uint8Array.of(1));
  t.match(await client.control({ type: 0, request: 9, value: 2 }), { status: -32 }, "a configuration that it has not");
  t.match(await client.control({ type: CLASS_OUT, request: 0x0a, value: 0x0400 }), { status: 0 }, "SET_IDLE");
  t.strictSame((await client.control({ type: 0xa1, request: 2, length: 1 })).data, Uint8Array.of(4), "GET_IDLE");
  const report = await client.control({ type: INTERFACE_IN, request: GET_DESCRIPTOR, value: 0x2200, length: 4096 });
  const { shape } = reader.kind;
  t.strictSame(report.data, shape.kind === "hid" && shape.reportDescriptor);
  const setReport = { type: CLASS_OUT, request: 9, data: new Uint8Array(8) };
  t.match(await client.control({ ...setReport, value: 0x0200 }), { status: 0, length: 8 }, "an output report");
  t.match(await client.control({ ...setReport, value: 0x0300 }), { status: -32 }, "a feature report");
  t.match(await client.control({ type: 0xc0, request: 0x51, length: 8 }), { status: -32 }, "a vendor's request");
});

t.test("holds an interrupt request until there is a report", async (t) => {
  const { attach, reader, clock } = await serving(t, "magtek");
  const client = await attach();
  const seqnum = client.submit(1, 887);
  t.match(await client.control({ type: DEVICE_IN, request: 8, length: 1 }), { status: 0 }, "others pass it");
  const frame = frameOf("magtek");
  const sending = reader.send(frame);
  const reply = await client.reply();
  t.match(reply, { seqnum, kind: "submitted", status: 0, length: 887 });
  t.strictSame(reply.data.subarray(0, frame.length), frame);
  await clock.advance(Millis(10));
  t.equal(await sending, true);
});

t.test("goes on in the next request with a report that is longer than one, and paces reports", async (t) => {
  const { attach, reader, clock } = await serving(t, "idtech");
  const client = await attach();
  client.submit(1, 40);
  const sending = reader.send(frameOf("idtech"));
  t.equal((await client.reply()).length, 40);
  client.submit(1, 40);
  t.equal((await client.reply()).length, 24, "the rest of a report of 64 bytes");
  const next = client.submit(1, 64);
  await settle();
  t.match(await client.control({ type: DEVICE_IN, request: 8, length: 1 }), { length: 1 }, "too early for the next");
  await clock.advance(Millis(10));
  t.match(await client.reply(), { seqnum: next, length: 64 });
  client.socket.destroy();
  await once(client.socket, "close");
  await settle();
  await clock.advance(Millis(2100));
  t.equal(await sending, false, "whoever sends learns that the host went away");
});

t.test("answers an unlink, and a request that was unlinked no more", async (t) => {
  const { attach, reader } = await serving(t, "hid-msr");
  const client = await attach();
  const urb = client.submit(1, 255);
  const unlink = client.unlink(urb);
  t.match(await client.reply(), { kind: "unlinked", seqnum: unlink, status: -104 });
  const late = client.unlink(urb);
  t.match(await client.reply(), { kind: "unlinked", seqnum: late, status: 0 }, "nothing to unlink any more");
  void reader.send(frameOf("hid-msr"));
  const next = client.submit(1, 255);
  t.match(await client.reply(), { kind: "submitted", seqnum: next, status: 0, length: 232 });
  const after = client.unlink(next);
  t.match(await client.reply(), { kind: "unlinked", seqnum: after, status: 0 }, "answered before");
});

t.test("stalls until the host clears the endpoint", async (t) => {
  const { attach, reader } = await serving(t, "hid-msr");
  const client = await attach();
  const waiting = client.submit(1, 255);
  await client.control({ type: DEVICE_IN, request: 8, length: 1 });
  reader.stall();
  t.match(await client.reply(), { seqnum: waiting, status: -32, length: 0 });
  client.submit(1, 255);
  t.match(await client.reply(), { status: -32 });
  t.strictSame((await client.control({ type: 0x82, request: 0, index: 0x81, length: 2 })).data, Uint8Array.of(1, 0));
  t.match(await client.control({ type: 2, request: 1, index: 0x81 }), { status: 0 });
  void reader.send(frameOf("hid-msr"));
  client.submit(1, 255);
  t.match(await client.reply(), { status: 0, length: 232 });
  t.match(await client.control({ type: 2, request: 1, index: 0x85 }), { status: -32 }, "no such endpoint");
  client.submit(7, 8);
  t.match(await client.reply(), { status: -32 }, "no such endpoint");
});

for (const [kind, size] of [
  ["magtek", 60],
  ["keyboard", 24],
] as const) {
  t.test(`${kind}: commands travel in feature reports, and a reset takes the reader off the bus`, async (t) => {
    const { clock, length, setFeature, getFeature, resets } = await commanded(t, kind);
    t.equal(length, size);
    t.match(await getFeature(), { status: -32 }, "nothing was asked");
    t.match(await setFeature(getKsn.encodeRequest(), size - 1), { status: -32 }, "a report of another length");
    t.match(await setFeature(getKsn.encodeRequest()), { status: 0, length: size });
    const { data } = await getFeature();
    t.equal(data.length, size, "filled up with zeros");
    t.equal(Buffer.from(getKsn.decodeResponse(data).ksn).toString("hex"), "ffff9876543210e00001");
    await setFeature(reset.encodeRequest());
    await clock.advance(Millis(500));
    t.equal(resets(), 0, "its answer is still to be fetched");
    t.equal(reset.decodeResponse((await getFeature()).data), undefined);
    await clock.advance(Millis(100));
    t.equal(resets(), 1);
    await setFeature(reset.encodeRequest());
    await clock.advance(Millis(1000));
    t.equal(resets(), 2, "nobody came for its answer");
  });
}

t.test("a serial ID TECH reader answers on its line", async (t) => {
  const { client } = await commanded(t, "idtech-serial");
  client.submit(1, 128);
  const sent = client.submit(1, 4, { out: version.encodeRequest() });
  const replies = [await client.reply(), await client.reply()];
  t.match(
    replies.find(({ seqnum }) => seqnum === sent),
    { status: 0, length: 4 },
  );
  const answer = replies.find(({ seqnum }) => seqnum !== sent)?.data ?? new Uint8Array();
  t.strictSame(version.decodeResponse(answer), { version: "ID TECH TM3 V1.00" });
});

t.test("a serial reader sends to a port that is open, and to nobody otherwise", async (t) => {
  const { attach, reader, clock } = await serving(t, "lines");
  const client = await attach();
  t.equal(await reader.send(frameOf("lines")), false);
  const coding = Uint8Array.of(0, 0xc2, 1, 0, 0, 0, 8);
  t.match(await client.control({ type: CLASS_OUT, request: 0x20, data: coding }), { status: 0 });
  t.match(await client.control({ type: CLASS_OUT, request: 0x20, data: coding.subarray(1) }), { status: -32 });
  t.strictSame((await client.control({ type: 0xa1, request: 0x21, length: 7 })).data, coding);
  t.match(await client.control({ type: CLASS_OUT, request: 0x22, value: 3 }), { status: 0 });
  client.submit(1, 3, { out: Buffer.from("abc") });
  t.match(await client.reply(), { status: 0, length: 3 }, "what it is sent it takes");
  const frame = frameOf("lines");
  for (let n = 0; n < 16; n++) client.submit(1, 128);
  await client.control({ type: DEVICE_IN, request: 8, length: 1 });
  await sendsWhole(t, { reader, client, clock }, frame);
});

for (const [kind, transfer] of [
  ["vendor-bulk", 2],
  ["vendor-interrupt", 3],
] as const) {
  t.test(`${kind}: an interface of its own class, read by its one endpoint`, async (t) => {
    const { server, attach, reader, clock } = await serving(t, kind);
    const listing = await (await UsbipClient.connect(server.port)).deviceList();
    t.equal(listing.devices[0]?.interfaces, "ff000000");
    const client = await attach();
    const { data } = await client.control({ type: DEVICE_IN, request: GET_DESCRIPTOR, value: 0x0200, length: 255 });
    t.strictSame([...data.subarray(18)], [7, 5, 0x81, transfer, 64, 0, 1], "the endpoint's descriptor");
    t.match(await client.control({ type: 0xc1, request: 1, length: 8 }), { status: -32 }, "a request of nobody's");
    client.submit(1, 3, { out: Buffer.from("abc") });
    t.match(await client.reply(), { status: -32 }, "it takes nothing");
    const frame = frameOf(kind);
    for (let n = 0; n < 16; n++) client.submit(1, 64);
    await client.control({ type: DEVICE_IN, request: 8, length: 1 });
    await sendsWhole(t, { reader, client, clock }, frame);
  });
}

t.test("unplugging ends the connection and what was being sent", async (t) => {
  const { attach, reader, server } = await serving(t, "idtech");
  const client = await attach();
  const sending = reader.send(frameOf("idtech"));
  server.unplug("1-1");
  await client.closed();
  t.equal(await sending, false);
  const other = await UsbipClient.connect(server.port);
  t.match(await other.import("1-1"), { status: 4 });
  server.plug("2-1.4", reader.device);
  t.match(await (await UsbipClient.connect(server.port)).import("2-1.4"), { status: 0, busId: "2-1.4" });
});

t.test("a report that nobody fetches is forgotten", async (t) => {
  const { attach, reader, clock } = await serving(t, "magtek");
  const client = await attach();
  const sending = reader.send(frameOf("magtek"));
  await clock.advance(Millis(2000));
  t.equal(await sending, false);
  const urb = client.submit(1, 887);
  client.unlink(urb);
  t.match(await client.reply(), { kind: "unlinked", status: -104 }, "nothing of it is left");
});

t.test("closes a connection that sends what is no request, and serves the next", async (t) => {
  const { server, attach, codes } = await serving(t, "hid-msr");
  const raw = async (bytes: Uint8Array, attached = false) => {
    const client = attached ? await attach() : await UsbipClient.connect(server.port);
    client.socket.write(bytes);
    await client.closed();
    await once(client.socket, "close");
    await settle();
  };
  await raw(Buffer.from("0110800500000000", "hex"));
  await raw(Buffer.from("0111800400000000", "hex"));
  await raw(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
  await raw(Buffer.alloc(48, 9), true);
  const submit = (field: number, value: number) => {
    const bytes = Buffer.alloc(48);
    bytes.writeUInt32BE(1, 0);
    bytes.writeUInt32BE(1, 16);
    bytes.writeUInt32BE(value, field);
    return bytes;
  };
  await raw(submit(24, 0x7fff_ffff), true);
  await raw(submit(24, 0xffff_ffff), true);
  await raw(submit(32, 4), true);
  t.strictSame(codes(), Array(7).fill("usbip_request_malformed"));

  const flood = await attach();
  for (let n = 0; n < 100; n++) flood.submit(1, 8);
  await flood.closed();
  t.equal(codes().length, 8, "requests without end");

  const truncated = await attach();
  truncated.socket.end(submit(24, 8).subarray(0, 30));
  await truncated.closed();
  const shortData = await attach();
  shortData.socket.end(Buffer.concat([submit(24, 8), Buffer.alloc(3)]));
  await shortData.closed();
  await settle();
  t.equal(codes().length, 8, "a connection that ends is no malformed one");
  t.match(await (await attach()).control({ type: DEVICE_IN, request: 8, length: 1 }), { status: 0 });
});

t.test("a port that is taken is told", async (t) => {
  const { server } = await serving(t, "hid-msr");
  const { logger } = capturedLog();
  await t.rejects(UsbipServer.start({ host: "127.0.0.1", port: server.port, logger }), { code: "usbip_not_listening" });
});
