import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

const ETHERNET_HEADER = 14;
const UDP = 17;
const TCP = 6;

export interface Datagram {
  readonly from: number;
  readonly to: number;
  readonly payload: Buffer;
}

export interface Segment extends Datagram {
  readonly sequence: number;
}

export interface Captured {
  readonly datagrams: readonly Datagram[];
  readonly segments: readonly Segment[];
}

/** Has tcpdump write down what passes on the loopback interface, from now on. */
export async function captureLoopback(t: Test, filter: string): Promise<{ stop(): Promise<Captured> }> {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-capture-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "lo.pcap");
  // As root it would write as a user who may not write here.
  const options = ["-i", "lo", "-U", "--immediate-mode", "-B", "16384", "-Z", "root", "-w", file, filter];
  const tcpdump = spawn("setpriv", ["--pdeathsig", "KILL", "tcpdump", ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const gone = once(tcpdump, "exit");
  t.teardown(() => tcpdump.kill("SIGKILL"));
  let said = "";
  await new Promise<void>((resolve, reject) => {
    tcpdump.stderr.on("data", (chunk) => {
      said += chunk;
      if (said.includes("listening on")) resolve();
    });
    tcpdump.once("exit", () => reject(new Error(`tcpdump ended: ${said}`)));
  });
  return {
    async stop() {
      tcpdump.kill("SIGINT");
      await gone;
      if (!/^0 packets dropped by kernel/m.test(said)) throw new Error("the capture has holes");
      return readCapture(readFileSync(file));
    },
  };
}

/** A pcap file of Ethernet frames with IPv4 in them. */
function readCapture(pcap: Buffer): Captured {
  const datagrams: Datagram[] = [];
  const segments: Segment[] = [];
  for (let at = 24; at + 16 <= pcap.length; ) {
    const length = pcap.readUInt32LE(at + 8);
    const ip = pcap.subarray(at + 16 + ETHERNET_HEADER, at + 16 + length);
    at += 16 + length;
    if (ip[0] === undefined || ip[0] >> 4 !== 4) continue;
    const transport = ip.subarray((ip[0] & 0x0f) * 4, ip.readUInt16BE(2));
    const ports = { from: transport.readUInt16BE(0), to: transport.readUInt16BE(2) };
    if (ip[9] === UDP) datagrams.push({ ...ports, payload: transport.subarray(8) });
    else if (ip[9] === TCP) {
      const payload = transport.subarray(((transport[12] ?? 0) >> 4) * 4);
      segments.push({ ...ports, sequence: transport.readUInt32BE(4), payload });
    }
  }
  return { datagrams, segments };
}

/** What was said over TCP, each direction of each connection on its own, end to end. */
export function joinStream(segments: readonly Segment[]): Buffer {
  const directions = Map.groupBy(
    segments.filter(({ payload }) => payload.length > 0),
    ({ from, to }) => `${from} ${to}`,
  );
  return Buffer.concat(
    [...directions.values()].flatMap((direction) => {
      const bySequence = new Map(direction.map((segment) => [segment.sequence, segment.payload]));
      return [...bySequence].sort(([one], [other]) => (one - other) | 0).map(([, payload]) => payload);
    }),
  );
}
