import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDaemon } from "@swipewire/daemon/daemon";
import type { Identity } from "@swipewire/daemon/state/identity";
import type { ReaderTransport } from "@swipewire/daemon/transports/reader-transport";
import { openSealedSwipe } from "@swipewire/protocol/envelope/open";
import type { SessionView } from "@swipewire/protocol/messages/local-session";
import type { OrderView } from "@swipewire/protocol/messages/terminal-link";
import { randomUuid } from "@swipewire/protocol/random";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { systemClock } from "@swipewire/protocol/time";
import { compactDecrypt, exportJWK, generateKeyPair } from "jose";
import type { Test } from "tap";
import { seededRandom } from "../seeded-random.ts";
import { capturedLog } from "./captured-log.ts";
import { startBroker } from "./test-broker.ts";
import { TestGateway } from "./test-gateway.ts";

export const PASSWORD = "mqtt-password-0123456789";

/** A whole daemon with these readers, before a broker and a gateway that has one order for it. */
export async function startTerminal(t: Test, transports: readonly ReaderTransport[]) {
  const random = seededRandom(23);
  const terminal = randomUuid(random);
  const broker = await startBroker(PASSWORD);
  const order: OrderView = {
    order: randomUuid(random),
    merchant: "Tea house",
    product: "Two teas",
    amount: 1250,
    currency: "CNY",
    payableUntil: new Date(Date.now() + 600_000).toISOString(),
  };
  const gateway = new TestGateway({ url: broker.url, password: PASSWORD, terminal, order });

  const signing = await generateKeyPair("Ed25519", { extractable: true });
  const sealing = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
  const { x = "", d = "" } = await exportJWK(signing.privateKey);
  const { x: recipient = "" } = await exportJWK(sealing.publicKey);
  const identity: Identity = {
    terminal,
    mqtt: { url: broker.url, username: terminal, password: PASSWORD },
    sealingKeys: [{ kty: "OKP", crv: "X25519", x: recipient, kid: "1" }],
    signingKey: { kty: "OKP", crv: "Ed25519", x, d },
  };
  const open = (sealed: string) =>
    openSealedSwipe(
      sealed,
      async (jwe) => new SensitiveBytes((await compactDecrypt(jwe, sealing.privateKey)).plaintext),
      { kty: "OKP", crv: "Ed25519", x },
    );

  const stateDir = mkdtempSync(join(tmpdir(), "swipewire-daemon-"));
  const log = capturedLog();
  const daemon = await startDaemon({
    config: { stateDir, log: { level: "info" }, localApi: { port: 0, allowedOrigins: [] }, readers: [], profiles: [] },
    identity,
    transports,
    clock: systemClock,
    random,
    logger: log.logger,
  });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= daemon.close();
    return stopped;
  };
  t.teardown(async () => {
    await stop();
    await gateway.close();
    await broker.kill();
    rmSync(stateDir, { recursive: true });
  });

  const { session } = daemon;
  const until = (matches: (view: SessionView) => boolean) =>
    new Promise<SessionView>((resolve) => {
      if (matches(session.view())) resolve(session.view());
      const end = session.onChange((view) => {
        if (!matches(view)) return;
        end();
        resolve(view);
      });
    });
  const step = (name: SessionView["step"]) => until((view) => view.step === name);

  return { daemon, session, gateway, broker, order, terminal, log, stateDir, open, until, step, stop };
}
