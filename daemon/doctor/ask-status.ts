import { HttpFailure } from "@swipewire/protocol/messages/merchant-api";
import { reader } from "@swipewire/protocol/messages/parse";
import { TerminalStatus } from "@swipewire/protocol/messages/terminal-status";
import type { DaemonConfig } from "../config/config-schema.ts";
import { DaemonNotRunning, LocalApiOutOfReach, LocalApiRefused } from "../errors.ts";
import { keptPairingToken } from "../state/pairing-token.ts";

const TIMEOUT = 5_000;
const LONGEST = 65_536;
const readStatus = reader(TerminalStatus, LONGEST);
const readFailure = reader(HttpFailure, LONGEST);

/**
 * Asks the daemon that runs with this config how it stands, by its local API.
 * @throws DaemonNotRunning | LocalApiOutOfReach | LocalApiRefused | StateFileExposed | StateFileInvalid | StateFolderUnusable
 */
export async function askStatus({ stateDir, localApi: { port } }: DaemonConfig): Promise<TerminalStatus> {
  if (port === 0) throw new LocalApiOutOfReach();
  const token = await keptPairingToken(stateDir);
  const reply = await fetch(`http://127.0.0.1:${port}/v1/status`, {
    headers: { authorization: `Bearer ${token ?? ""}` },
    signal: AbortSignal.timeout(TIMEOUT),
  }).catch((cause: unknown) => {
    throw new DaemonNotRunning({ detail: `127.0.0.1:${port}`, cause });
  });
  const body = new Uint8Array(await reply.arrayBuffer());
  try {
    if (!reply.ok) throw new LocalApiRefused({ detail: readFailure(body).error.code });
    return readStatus(body);
  } catch (cause) {
    if (cause instanceof LocalApiRefused) throw cause;
    throw new LocalApiRefused({ detail: "what answered is no swipewire-daemon", cause });
  }
}
