import { type Duration, type Instant, Millis } from "@swipewire/protocol/time";
import { Cron } from "croner";

/** A time of the day on the clocks of one place. */
export interface DailyTime {
  /** HH:MM. */
  readonly at: string;
  /** IANA name. */
  readonly timeZone: string;
}

/** UnionPay's, for a gateway that settles on request only. */
export const DEFAULT_TIME_ZONE = "Asia/Shanghai";

/** How long until it is that time again; a time that is skipped when clocks go forward comes right after. */
export function nextTime({ at, timeZone }: DailyTime, now: Instant): Duration {
  const [hour, minute] = at.split(":");
  const next = new Cron(`${minute} ${hour} * * *`, { timezone: timeZone, paused: true }).nextRun(new Date(now));
  // A day that has no such time at all is not known to any time zone; croner would say null.
  return Millis((next?.getTime() ?? now + 86_400_000) - now);
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** YYYY-MM-DD on the calendars of that place. */
export const localDay = (at: Instant, timeZone: string): string =>
  // Swedish writes dates after ISO 8601.
  new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" }).format(at);
