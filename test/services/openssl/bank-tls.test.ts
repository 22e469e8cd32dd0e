import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { createServer, type TlsOptions } from "node:tls";
import { type BankTls, dialTls } from "@swipewire/gateway/acquirer/dial";
import { Seconds } from "@swipewire/protocol/time";
import { openBank } from "@swipewire/simulator/bank/bank";
import t, { type Test } from "tap";
import {
  acquirer,
  credit,
  keyStore,
  logger,
  TMK,
  until,
  withoutPin,
} from "../../gateway/acquirer/bank-and-acquirer.ts";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { certificateFolder } from "./certificates.ts";

const { file, certificate } = certificateFolder(t);

certificate("authority", "DNS:authority.test");
certificate("stranger", "DNS:stranger.test");
certificate("bank", "DNS:bank.test,IP:127.0.0.1", "authority");
certificate("bank-by-name", "DNS:bank.test", "authority");
certificate("terminal", "DNS:terminal.test", "authority");

/** A bank behind TLS. @param more of the server's options */
async function tlsBank(t: Test, name: string, more: TlsOptions = {}) {
  const clock = new SimulatedClock();
  const bank = openBank({ cards: [credit], tmk: TMK, clock, random: seededRandom(1), logger });
  const received: Buffer[] = [];
  const server = createServer(
    { cert: readFileSync(file(`${name}.pem`)), key: readFileSync(file(`${name}.key`)), ...more },
    (socket) => {
      socket.on("data", (piece) => received.push(Buffer.from(piece)));
      bank.serve(socket);
    },
  );
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(async () => {
    await bank.close();
    server.close();
  });
  return { clock, bank, received, port: (server.address() as AddressInfo).port };
}

async function terminalOf(
  t: Test,
  { clock, port }: { clock: SimulatedClock; port: number },
  tls: Partial<BankTls> = {},
) {
  const dial = await dialTls({ host: "127.0.0.1", port }, { ca: file("authority.pem"), ...tls });
  return acquirer(t, clock, port, await keyStore(t), { dial });
}

t.test("charges over TLS, by the bank's address or by its name", async (t) => {
  for (const [name, tls] of [
    ["bank", {}],
    ["bank-by-name", { serverName: "bank.test" }],
  ] as const) {
    const host = await tlsBank(t, name);
    const terminal = await terminalOf(t, host, tls);
    await until(() => terminal.ready);
    t.match(await terminal.charge(withoutPin(1_00)), { kind: "approved" });
    t.equal(host.bank.books.totalCharged, 1_00);
    t.same([...terminal.failures], []);
  }
});

t.test("an authority that is not the bank's, and another name: nothing is sent, and it is tried again", async (t) => {
  for (const [name, tls, what] of [
    ["bank", { ca: file("stranger.pem") }, "another authority"],
    ["stranger", {}, "a certificate that signed itself"],
    ["bank", { serverName: "other.test" }, "another name"],
    ["bank-by-name", {}, "a name in place of the address"],
  ] as const) {
    const host = await tlsBank(t, name);
    const terminal = await terminalOf(t, host, tls);
    await until(() => terminal.failures.get("acquirer_certificate_refused") === 1);
    await until(() => host.clock.pending === 1);
    t.notOk(terminal.ready, what);
    await t.rejects(terminal.charge(withoutPin(1_00)), { code: "acquirer_unreachable" }, what);
    await host.clock.advance(Seconds(1));
    await until(() => terminal.failures.get("acquirer_certificate_refused") === 2);
    t.same(host.received, [], what);
  }
});

t.test("shows its own certificate where the bank asks for one", async (t) => {
  const host = await tlsBank(t, "bank", {
    requestCert: true,
    rejectUnauthorized: true,
    ca: readFileSync(file("authority.pem")),
  });
  const client = { certificate: file("terminal.pem"), key: file("terminal.key") };
  const known = await terminalOf(t, host, client);
  await until(() => known.ready);
  t.match(await known.charge(withoutPin(1_00)), { kind: "approved" });
  await known.close();
  host.received.length = 0;
  const unknown = await terminalOf(t, host);
  await until(() => unknown.failures.get("acquirer_tls_failed") === 1);
  t.notOk(unknown.ready);
  t.same(host.received, []);
});

t.test("a bank that speaks no TLS gets no message of ours", async (t) => {
  const received: Buffer[] = [];
  const server = createTcpServer((socket) => {
    socket.on("data", (piece) => {
      received.push(piece);
      socket.write("no TLS here\r\n");
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const terminal = await terminalOf(t, { clock: new SimulatedClock(), port });
  await until(() => terminal.failures.get("acquirer_tls_failed") === 1);
  t.notOk(terminal.ready);
  // RFC 8446 5.1: 22, a handshake.
  t.ok(received.length > 0 && received[0]?.[0] === 22);
});

t.test(
  "a file that is missing, empty or exposed, and a key of another certificate, are told at the start",
  async (t) => {
    writeFileSync(file("empty.pem"), "");
    writeFileSync(file("exposed.key"), readFileSync(file("terminal.key")), { mode: 0o644 });
    const client = { certificate: file("terminal.pem"), key: file("terminal.key") };
    for (const [tls, message] of [
      [{ ca: file("nowhere.pem") }, /ca, ENOENT/],
      [{ ca: file("empty.pem") }, /\(ca\)/],
      [{ ...client, key: file("exposed.key") }, /key, mode 0644/],
      [{ ...client, key: file("bank.key") }, /ERR_OSSL_X509_KEY_VALUES_MISMATCH/],
      [{ ...client, certificate: file("empty.pem") }, /ERR_OSSL/],
    ] as const) {
      await t.rejects(dialTls({ host: "127.0.0.1", port: 1 }, { ca: file("authority.pem"), ...tls }), {
        code: "acquirer_tls_unusable",
        message,
      });
    }
  },
);
