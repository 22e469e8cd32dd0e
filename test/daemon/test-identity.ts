import { saveIdentity } from "@swipewire/daemon/state/identity";
import type { OrderView } from "@swipewire/protocol/messages/terminal-link";
import { exportJWK, generateKeyPair } from "jose";

export const TERMINAL = "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e";
export const PASSWORD = "mqtt-password-0123456789";

/** What a test's gateway has for the terminal. */
export const order: OrderView = {
  order: TERMINAL,
  merchant: "Tea house",
  product: "Two teas",
  amount: 1250,
  currency: "CNY",
  payableUntil: "2026-11-01T12:00:00.000Z",
};

/** Enrols the terminal by hand. @returns the secret half of its signing key */
export async function enrolInto(stateDir: string, brokerUrl: string): Promise<string> {
  const { privateKey } = await generateKeyPair("Ed25519", { extractable: true });
  const { x = "", d = "" } = await exportJWK(privateKey);
  await saveIdentity(stateDir, {
    terminal: TERMINAL,
    mqtt: { url: brokerUrl, username: TERMINAL, password: PASSWORD },
    sealingKeys: [{ kty: "OKP", crv: "X25519", x: "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08" }],
    signingKey: { kty: "OKP", crv: "Ed25519", x, d },
  });
  return d;
}
