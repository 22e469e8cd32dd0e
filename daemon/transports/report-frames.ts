import type { StreamEvent } from "@swipewire/protocol/readers/frame-stream";
import { frameStream, type StreamFamily } from "@swipewire/protocol/readers/frame-streams";
import { KeyboardTyping } from "@swipewire/protocol/readers/keyboard-reports";

/** How the reports of a USB reader become frames. Takes copies; the reports stay the caller's to overwrite. */
export interface ReportFrames {
  push(report: Uint8Array): StreamEvent[];
  /** Nothing was added for a while: what was begun is no frame. */
  flush(): StreamEvent[];
  /** Forgets what was begun, and tells nobody. */
  wipe(): void;
}

const NOTHING: StreamEvent[] = [];

/** Each report is a frame. @param reportId of devices that have several reports: others are read over */
export function wholeReports(reportId?: number): ReportFrames {
  return {
    push: (report) => (reportId === undefined || report[0] === reportId ? [{ frame: report.slice() }] : NOTHING),
    flush: () => NOTHING,
    wipe: () => {},
  };
}

/** Frames that go over several reports; zeros fill up the last one. */
export function paddedReports(family: StreamFamily): ReportFrames {
  const stream = frameStream(family);
  let begun = false;
  return {
    push(report) {
      // A padding is of zeros and follows a frame, so a report can begin with neither.
      const events: StreamEvent[] = [];
      for (let at = 0; at < report.length; at++) {
        if (!begun && report.subarray(at).every((byte) => byte === 0)) break;
        begun = true;
        const found = stream.push(report.subarray(at, at + 1));
        if (found.some(({ frame }) => frame)) begun = false;
        events.push(...found);
      }
      return events;
    },
    flush() {
      begun = false;
      return stream.flush();
    },
    wipe() {
      begun = false;
      stream.wipe();
    },
  };
}

/** Bytes as they come, of readers whose endpoint is a stream. */
export const streamedReports = (family: StreamFamily): ReportFrames => frameStream(family);

/** The text that a keyboard's reports type. */
export function typedReports(family: StreamFamily): ReportFrames {
  const stream = frameStream(family);
  const typing = new KeyboardTyping();
  return {
    push(report) {
      const typed = typing.take(report);
      const events = stream.push(typed);
      typed.fill(0);
      return events;
    },
    flush: () => stream.flush(),
    wipe() {
      typing.wipe();
      stream.wipe();
    },
  };
}
