import type { Clock, Duration, Instant } from "@swipewire/protocol/time";
import { Webhook } from "standardwebhooks";
import { WebhookRefused, WebhookTimedOut, WebhookUnreachable } from "../errors.ts";

export interface WebhookDelivery {
  readonly id: string;
  readonly url: string;
  /** `whsec_…` */
  readonly secret: string;
  /** The JSON that was stored, byte for byte the same on every attempt. */
  readonly body: string;
  /** When this attempt is made. */
  readonly at: Instant;
}

/**
 * Makes one attempt. Only a 2xx status counts; a redirect is not followed, and the body of the answer is not read.
 * @throws WebhookRefused | WebhookTimedOut | WebhookUnreachable, or the signal's reason when the caller gave up
 */
export async function deliverWebhook(
  delivery: WebhookDelivery,
  { clock, timeout, signal }: { clock: Clock; timeout: Duration; signal: AbortSignal },
): Promise<void> {
  const tooLong = new AbortController();
  const timer = clock.after(timeout, () => tooLong.abort());
  try {
    const response = await fetch(delivery.url, {
      method: "POST",
      redirect: "manual",
      headers: {
        "content-type": "application/json",
        "user-agent": "Swipewire",
        "webhook-id": delivery.id,
        "webhook-timestamp": Math.floor(delivery.at / 1000).toString(),
        "webhook-signature": new Webhook(delivery.secret).sign(delivery.id, new Date(delivery.at), delivery.body),
      },
      body: delivery.body,
      signal: AbortSignal.any([signal, tooLong.signal]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new WebhookRefused({ detail: `status ${response.status}` });
  } catch (error) {
    if (error instanceof WebhookRefused) throw error;
    if (signal.aborted) throw signal.reason;
    if (tooLong.signal.aborted) throw new WebhookTimedOut();
    throw new WebhookUnreachable({ cause: error });
  } finally {
    timer.cancel();
  }
}
