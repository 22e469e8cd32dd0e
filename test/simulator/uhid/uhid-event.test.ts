import {
  createEvent,
  destroyEvent,
  EVENT_LENGTH,
  getReportReply,
  inputEvent,
  readEvent,
  setReportReply,
} from "@swipewire/simulator/uhid/uhid-event";
import t from "tap";
import { kernelEvent } from "./test-kernel.ts";

/* Offsets are what gcc says of <linux/uhid.h>: offsetof(struct uhid_event, u.create2.phys) and so on. */

const text = (bytes: Buffer, at: number) => bytes.toString("latin1", at, bytes.indexOf(0, at));

t.test("a device is created with its names, its ids and its report descriptor", async (t) => {
  const reportDescriptor = Uint8Array.of(5, 1, 9, 6);
  const ids = { bus: 3, vendorId: 0x0801, productId: 0x0011, release: 0x0100 };
  const event = Buffer.from(
    createEvent({ name: "Mag-Tek Reader", place: "here", serialNumber: "B1", ...ids, reportDescriptor }),
  );
  t.equal(event.readUInt32LE(0), 11);
  t.equal(text(event, 4), "Mag-Tek Reader");
  t.equal(text(event, 132), "here");
  t.equal(text(event, 196), "B1");
  t.equal(event.readUInt16LE(260), 4);
  t.equal(event.readUInt16LE(262), 3);
  t.strictSame(
    [264, 268, 272, 276].map((at) => event.readUInt32LE(at)),
    [0x0801, 0x0011, 0x0100, 0],
  );
  t.strictSame(Uint8Array.from(event.subarray(280)), reportDescriptor);
});

t.test("names that are too long are cut, and end in a zero", async (t) => {
  const long = "x".repeat(200);
  const ids = { bus: 3, vendorId: 1, productId: 1, release: 0 };
  const event = Buffer.from(
    createEvent({ name: long, place: long, serialNumber: long, ...ids, reportDescriptor: new Uint8Array() }),
  );
  t.strictSame([text(event, 4).length, text(event, 132).length, text(event, 196).length], [127, 63, 63]);
  t.equal(event.length, 280);
});

t.test("reports and answers stand where the kernel looks for them", async (t) => {
  t.equal(Buffer.from(destroyEvent()).toString("hex"), "01000000");
  t.equal(Buffer.from(inputEvent(Uint8Array.of(0xaa, 0xbb))).toString("hex"), "0c000000" + "0200" + "aabb");
  const reply = getReportReply(7, Uint8Array.of(0, 0xcc));
  t.equal(Buffer.from(reply).toString("hex"), "0a000000" + "07000000" + "0000" + "0200" + "00cc");
  t.equal(Buffer.from(getReportReply(7, undefined)).toString("hex"), "0a000000" + "07000000" + "0500" + "0000");
  t.equal(Buffer.from(setReportReply(9, true)).toString("hex"), "0e000000" + "09000000" + "0000");
  t.equal(Buffer.from(setReportReply(9, false)).toString("hex"), "0e000000" + "09000000" + "0500");
  t.equal(inputEvent(new Uint8Array(5000)).length, 6 + 4096);
});

t.test("reads what the kernel says", async (t) => {
  for (const [type, kind] of [
    [2, "start"],
    [3, "stop"],
    [4, "open"],
    [5, "close"],
  ] as const)
    t.strictSame(readEvent(kernelEvent(type)), { kind });
  t.strictSame(readEvent(kernelEvent(6, { at: 4, bytes: [1, 2, 3] }, { at: 4100, bytes: [3, 0, 1] })), {
    kind: "output",
    data: Uint8Array.of(1, 2, 3),
    reportType: 1,
  });
  t.strictSame(readEvent(kernelEvent(9, { at: 4, bytes: [5, 0, 0, 0, 2, 0] })), {
    ...{ kind: "getReport", id: 5, reportId: 2, reportType: 0 },
  });
  t.strictSame(readEvent(kernelEvent(13, { at: 4, bytes: [6, 0, 0, 0, 2, 0, 2, 0, 2, 0x1f] })), {
    ...{ kind: "setReport", id: 6, reportId: 2, reportType: 0, data: Uint8Array.of(2, 0x1f) },
  });
});

t.test("what is cut off or unknown is none, and a length beyond the event gives no more than there is", async (t) => {
  t.equal(readEvent(kernelEvent(99)), undefined);
  t.equal(readEvent(kernelEvent(2).subarray(0, EVENT_LENGTH - 1)), undefined);
  t.equal(readEvent(new Uint8Array()), undefined);
  const event = readEvent(kernelEvent(13, { at: 10, bytes: [0xff, 0xff] }));
  t.equal(event?.kind === "setReport" && event.data.length, 4096);
});
