import { endpointDescriptor, interfaceDescriptor, TRANSFER } from "./descriptors.ts";
import { InEndpoint } from "./in-endpoint.ts";
import type { UsbFunction } from "./usb-device.ts";

/** USB 2.0, 9.6.5: vendor specific. */
const VENDOR_CLASS = 0xff;
const ENDPOINT = 1;
const DIRECTION_IN = 0x80;

/** An interface of its vendor's own class, with one endpoint towards the host, for which a system has no driver. */
export class VendorFunction implements UsbFunction {
  readonly deviceClass = 0;
  readonly interfaces: UsbFunction["interfaces"] = [[VENDOR_CLASS, 0, 0]];
  readonly descriptors: UsbFunction["descriptors"];
  readonly bytes = new InEndpoint();
  readonly endpoints: UsbFunction["endpoints"] = new Map([[ENDPOINT, this.bytes]]);

  constructor(transfer: keyof typeof TRANSFER) {
    this.descriptors = [
      interfaceDescriptor(0, [VENDOR_CLASS, 0, 0], 1),
      endpointDescriptor(DIRECTION_IN | ENDPOINT, TRANSFER[transfer]),
    ];
  }

  control(): undefined {
    return undefined;
  }

  out(): boolean {
    return false;
  }

  reset(): void {
    this.bytes.reset();
  }
}
