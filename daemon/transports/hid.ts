import { HIDAsync } from "node-hid";
import type { ReportDevice, ReportListener } from "./report-transport.ts";

/** Opens a HID device by its path. A device that is pulled out is told of as a failure of reading. */
export async function openHid(path: string, listener: ReportListener): Promise<ReportDevice> {
  const device = await HIDAsync.open(path);
  let failed = false;
  device.on("error", () => {
    if (!failed) listener.failed();
    failed = true;
  });
  device.on("data", (report: Buffer) => listener.report(report));
  return { close: () => device.close() };
}
