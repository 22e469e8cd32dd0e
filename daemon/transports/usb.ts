import { parseReportDescriptor, reportLength } from "@swipewire/protocol/readers/hid-report-descriptor";
import type { Device } from "usb";
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
 * Opens the interface of a keyboard, or of a vendor's own class, by its endpoint of interrupts or bulk towards the host, and
 * takes it from the system's own driver if it has one: nothing of a card is typed anywhere else. Closing gives it back.
 */
export async function openInterface(address: string, listener: ReportListener): Promise<ReportDevice> {
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
      exchange: (request) => exchangeFeature(device, interfaceNumber, request),
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

/** HID 1.11, 7.1.1 and 7.2: requests to an interface, on the control endpoint. */
const TO_INTERFACE = 0x21;
const FROM_INTERFACE = 0xa1;
const STANDARD_FROM_INTERFACE = 0x81;
const GET_DESCRIPTOR = 6;
const GET_REPORT = 1;
const SET_REPORT = 9;
const REPORT_DESCRIPTOR = 0x2200;
const FEATURE_REPORT = 0x0300;
const LONGEST_DESCRIPTOR = 4096;
/** Milliseconds. A reader that is busy holds a request up. */
const CONTROL_TIMEOUT = 900;

/** Sends a command in a feature report as long as the device's descriptor says, and gets the answer. */
async function exchangeFeature(device: Device, interfaceNumber: number, request: Uint8Array): Promise<Uint8Array> {
  device.timeout = CONTROL_TIMEOUT;
  const control = (type: number, code: number, value: number, dataOrLength: Buffer | number) =>
    new Promise<Buffer>((resolve, reject) => {
      device.controlTransfer(type, code, value, interfaceNumber, dataOrLength, (error, data) => {
        if (error) reject(error);
        else resolve(Buffer.isBuffer(data) ? data : Buffer.alloc(0));
      });
    });
  const descriptor = await control(STANDARD_FROM_INTERFACE, GET_DESCRIPTOR, REPORT_DESCRIPTOR, LONGEST_DESCRIPTOR);
  const length = reportLength(parseReportDescriptor(descriptor), "feature", 0);
  if (length < request.length) throw new Error("no feature report for commands");
  const report = Buffer.alloc(length);
  report.set(request);
  await control(TO_INTERFACE, SET_REPORT, FEATURE_REPORT, report);
  return control(FROM_INTERFACE, GET_REPORT, FEATURE_REPORT, length);
}

/** Tells of every USB device that comes or goes. @returns what ends it */
export async function watchUsb(changed: () => void): Promise<() => void> {
  const usb = await library();
  for (const event of ["attach", "detach"] as const) usb.on(event, changed);
  return () => {
    for (const event of ["attach", "detach"] as const) usb.off(event, changed);
  };
}
