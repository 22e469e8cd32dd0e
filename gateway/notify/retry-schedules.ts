import { type Duration, Hours, Minutes, Seconds } from "@swipewire/protocol/time";

/** Waits after each failed attempt; when they are used up the message is given up. The first attempt is made at once. */
export type RetrySchedule = readonly Duration[];

/** Standard Webhooks 1.0.0, "Deliverability and reliability": ten attempts over three days. */
export const WEBHOOK_SCHEDULE: RetrySchedule = [
  Seconds(5),
  Minutes(5),
  Minutes(30),
  Hours(2),
  Hours(5),
  Hours(10),
  Hours(14),
  Hours(20),
  Hours(24),
];

/** A text about a payment is of no use the next day. */
export const SMS_SCHEDULE: RetrySchedule = [Seconds(5), Seconds(30), Minutes(2), Minutes(10), Hours(1)];
