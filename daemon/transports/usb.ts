import { readReports } from "./endpoint-reports.ts";
import type { ReportDevice, ReportListener } from "./report-transport.ts";

/** Loaded when it is first needed: without libudev it cannot be, and the other readers go on. */
const library = async () => (await import("usb")).usb;

/** Bus, device and interface number, as Linux counts them. */
function addressOf(text: string): readonly [bus: number, device: number, interfaceNumber: number] {
  const [bus = 0, device = 0, interfaceNumber = 0] = text.split(":").map(Number);
  return [bus, device, interfaceNumber];
}

/**
 * Opens the interface of a keyboard, or of another device with an endpoint of interrupts or bulk, and takes it from the
 * system's own driver: nothing of a card is typed anywhere else. Closing gives it back.
 */
export async function openKeyboard(address: string, listener: ReportListener): Promise<ReportDevice> {
  const [bus, number, interfaceNumber] = addressOf(address);
  const usb = await library();
  const device = usb
    .getDeviceList()
    .find(({ busNumber, deviceAddress }) => busNumber === bus && deviceAddress === number);
  if (!device) throw new Error("the device is gone");
  device.open();
  try {
    const claimed = device.interface(interfaceNumber);
    const driven = claimed.isKernelDriverActive();
    if (driven) claimed.detachKernelDriver();
    claimed.claim();
    const endpoint = claimed.endpoints.find(({ direction }) => direction === "in");
    if (!endpoint) throw new Error("no endpoint towards the host");
    const end = readReports(endpoint as import("usb").InEndpoint, listener);
    return {
      async close() {
        await end();
        await claimed.releaseAsync().catch(() => {});
        try {
          if (driven) claimed.attachKernelDriver();
        } catch {
          // Gone with its device.
        }
        device.close();
      },
    };
  } catch (error) {
    device.close();
    throw error;
  }
}

/** Tells of every USB device that comes or goes. @returns what ends it */
export async function watchUsb(changed: () => void): Promise<() => void> {
  const usb = await library();
  for (const event of ["attach", "detach"] as const) usb.on(event, changed);
  return () => {
    for (const event of ["attach", "detach"] as const) usb.off(event, changed);
  };
}
