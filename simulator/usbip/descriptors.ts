/* Descriptors of USB 2.0, 9.6, as bytes: little-endian. */

export const DESCRIPTOR = { device: 1, configuration: 2, string: 3, interface: 4, endpoint: 5 } as const;

export const word = (value: number): [number, number] => [value & 0xff, value >> 8];

export const TRANSFER = { bulk: 2, interrupt: 3 } as const;

/** Of full speed. */
export const PACKET = 64;

/** @param address with bit 7 for endpoints towards the host */
export const endpointDescriptor = (address: number, transfer: number, packet = PACKET, interval = 1): number[] => [
  7,
  DESCRIPTOR.endpoint,
  address,
  transfer,
  ...word(packet),
  interval,
];

export function interfaceDescriptor(
  number: number,
  [interfaceClass, subclass, protocol]: readonly [number, number, number],
  endpoints: number,
): number[] {
  return [9, DESCRIPTOR.interface, number, 0, endpoints, interfaceClass, subclass, protocol, 0];
}

const BUS_POWERED = 0x80;
const HUNDRED_MILLIAMPERE = 50;

export function configurationDescriptor(interfaces: number, parts: readonly (readonly number[])[]): Uint8Array {
  const rest = parts.flat();
  return Uint8Array.of(
    9,
    DESCRIPTOR.configuration,
    ...word(9 + rest.length),
    interfaces,
    1,
    0,
    BUS_POWERED,
    HUNDRED_MILLIAMPERE,
    ...rest,
  );
}

export interface DeviceIdentity {
  readonly vendorId: number;
  readonly productId: number;
  readonly manufacturer: string;
  readonly product: string;
  readonly serialNumber?: string;
}

/** Release 1.00, binary-coded decimal. */
export const RELEASE = 0x0100;

export function deviceDescriptor(
  { vendorId, productId, serialNumber }: DeviceIdentity,
  deviceClass: number,
): Uint8Array {
  return Uint8Array.of(
    18,
    DESCRIPTOR.device,
    ...word(0x0110),
    deviceClass,
    0,
    0,
    PACKET,
    ...word(vendorId),
    ...word(productId),
    ...word(RELEASE),
    1,
    2,
    serialNumber === undefined ? 0 : 3,
    1,
  );
}

const US_ENGLISH = 0x0409;

/** The device's strings by their index; 0 says which languages there are. */
export function stringDescriptor(identity: DeviceIdentity, index: number): Uint8Array | undefined {
  if (index === 0) return Uint8Array.of(4, DESCRIPTOR.string, ...word(US_ENGLISH));
  const text = [identity.manufacturer, identity.product, identity.serialNumber][index - 1];
  if (text === undefined) return undefined;
  const characters = Array.from({ length: text.length }, (_, at) => word(text.charCodeAt(at))).flat();
  return Uint8Array.of(2 + characters.length, DESCRIPTOR.string, ...characters);
}
