import { readReports } from "@swipewire/daemon/transports/endpoint-reports";
import t, { type Test } from "tap";
import type { InEndpoint, Transfer } from "usb";
import { settle } from "../../simulated-clock.ts";

const STALL = 4;
const CANCELLED = 3;
type Answer = Parameters<InEndpoint["makeTransfer"]>[1];

/** An endpoint as libusb has it: requests wait in a row, a cancelled one is answered a moment later. */
class TestEndpoint {
  readonly descriptor = { wMaxPacketSize: 8 };
  readonly waiting: { buffer: Buffer; answer: Answer; transfer: object }[] = [];
  cleared = 0;
  gone = false;

  makeTransfer(_timeout: number, answer: Answer): Transfer {
    const transfer = {
      submit: (buffer: Buffer) => {
        if (this.gone) throw Object.assign(new Error("no device"), { errno: -4 });
        this.waiting.push({ buffer, answer, transfer });
        return transfer;
      },
      cancel: () => {
        if (this.gone) throw Object.assign(new Error("no device"), { errno: -4 });
        setImmediate(() => {
          const at = this.waiting.findIndex((waiting) => waiting.transfer === transfer);
          if (at >= 0) this.fail(CANCELLED, at);
        });
        return true;
      },
    };
    return transfer as unknown as Transfer;
  }

  clearHalt(done: () => void) {
    this.cleared++;
    done();
  }

  send(text: string) {
    const [next] = this.waiting.splice(0, 1);
    next?.answer(undefined, next.buffer, next.buffer.write(text));
  }

  fail(errno: number, at = 0) {
    const [next] = this.waiting.splice(at, 1);
    next?.answer(Object.assign(new Error("failed"), { errno }), next.buffer, 0);
  }
}

function begin() {
  const endpoint = new TestEndpoint();
  const heard: string[] = [];
  const end = readReports(endpoint as unknown as InEndpoint, {
    report: (bytes) => heard.push(Buffer.from(bytes).toString()),
    failed: () => heard.push("failed"),
  });
  return { endpoint, heard, end };
}

/** It resolves, and nothing is asked for any more. */
async function ends(t: Test, { endpoint, end }: ReturnType<typeof begin>) {
  await end();
  t.equal(endpoint.waiting.length, 0);
}

t.test("hands on what comes in its order, and asks for more until it is ended", async (t) => {
  const reading = begin();
  for (let i = 0; i < 10; i++) reading.endpoint.send(`${i}`);
  t.same(reading.heard, [..."0123456789"]);
  t.equal(reading.endpoint.waiting.length, 4);
  await ends(t, reading);
  t.equal(reading.endpoint.cleared, 0);
});

t.test("tells of a stall once, and clears it when it is ended", async (t) => {
  const reading = begin();
  reading.endpoint.fail(STALL);
  reading.endpoint.fail(STALL);
  await settle();
  t.same(reading.heard, ["failed"]);
  await ends(t, reading);
  t.equal(reading.endpoint.cleared, 1);
});

t.test("may be ended by who hears that it failed", async (t) => {
  const endpoint = new TestEndpoint();
  const ended = new Promise<void>((resolve) => {
    const end = readReports(endpoint as unknown as InEndpoint, { report: () => {}, failed: () => resolve(end()) });
    endpoint.fail(STALL);
  });
  await ended;
  t.equal(endpoint.waiting.length, 0);
});

t.test("a device that goes away between two requests is told of once, and does not keep the end waiting", async (t) => {
  const reading = begin();
  reading.endpoint.gone = true;
  reading.endpoint.send("last");
  t.same(reading.heard, ["last", "failed"]);
  while (reading.endpoint.waiting.length > 0) reading.endpoint.fail(5);
  await ends(t, reading);
});

t.test("a device that takes no request at all is refused", async (t) => {
  const endpoint = new TestEndpoint();
  endpoint.gone = true;
  const nobody = { report: () => t.fail("a report"), failed: () => t.fail("told") };
  t.throws(() => readReports(endpoint as unknown as InEndpoint, nobody), { message: "no device" });
});
