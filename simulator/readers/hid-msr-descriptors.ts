/*
 * Report descriptors of HID POS magnetic stripe readers that nobody makes: the makers' own are not published. They
 * differ in everything that a descriptor may choose, so that nothing can be read from a fixed offset.
 */

export interface HidMsrDescriptor {
  readonly name: string;
  /** How it differs from the others, in a few words. */
  readonly layout: string;
  readonly bytes: Uint8Array;
}

const descriptor = (name: string, layout: string, ...items: readonly (readonly number[])[]): HidMsrDescriptor => ({
  name,
  layout,
  bytes: Uint8Array.from(items.flat()),
});

export const hidMsrDescriptors: readonly HidMsrDescriptor[] = [
  descriptor(
    "plain",
    "no report ids; the three lengths in a byte each, then the tracks",
    [0x05, 0x8e], // usage page: magnetic stripe reader
    [0x09, 0x01], // usage: MSR device, read-only
    [0xa1, 0x01], // collection: application
    [0x15, 0x00], // logical minimum 0
    [0x26, 0xff, 0x00], // logical maximum 255
    [0x75, 0x08], // report size 8
    [0x95, 0x03], // report count 3
    [0x19, 0x11], // usage minimum: track 1 length
    [0x29, 0x13], // usage maximum: track 3 length
    [0x81, 0x02], // input: data, variable
    [0x09, 0x21], // usage: track 1 data
    [0x95, 0x50], // report count 80
    [0x82, 0x02, 0x01], // input: data, variable, buffered bytes
    [0x09, 0x22], // usage: track 2 data
    [0x95, 0x29], // report count 41
    [0x82, 0x02, 0x01],
    [0x09, 0x23], // usage: track 3 data
    [0x95, 0x6c], // report count 108
    [0x82, 0x02, 0x01],
    [0xc0],
  ),
  descriptor(
    "packed",
    "report id 3 beside a vendor's report 1; lengths of 7 bits; tracks that do not begin with a byte, the last one first",
    [0x06, 0x00, 0xff], // usage page: the vendor's
    [0x09, 0x01],
    [0xa1, 0x01], // collection: application
    [0x85, 0x01], // report id 1
    [0x75, 0x08], // report size 8
    [0x95, 0x3c], // report count 60
    [0x09, 0x20],
    [0x81, 0x02], // input
    [0x09, 0x20],
    [0xb1, 0x02], // feature
    [0xc0],
    [0x0b, 0x01, 0x00, 0x8e, 0x00], // usage with its page: MSR device, read-only
    [0xa1, 0x01],
    [0x85, 0x03], // report id 3
    [0xa4], // push
    [0x75, 0x01], // report size 1
    [0x95, 0x01], // report count 1
    [0x09, 0x40],
    [0x81, 0x02], // input: a flag of the vendor's
    [0x95, 0x02],
    [0x81, 0x03], // input: constant, two bits of padding
    [0x05, 0x8e], // usage page: magnetic stripe reader
    [0x75, 0x07], // report size 7
    [0x95, 0x03],
    [0x09, 0x13], // usage: track 3 length
    [0x09, 0x12],
    [0x09, 0x11],
    [0x81, 0x02],
    [0xb4], // pop: the vendor's page, 8 bits
    [0x05, 0x8e],
    [0x09, 0x20], // usage: track data
    [0xa1, 0x02], // collection: logical
    [0x95, 0x70], // report count 112
    [0x09, 0x23],
    [0x81, 0x02],
    [0x09, 0x22],
    [0x81, 0x02],
    [0x09, 0x21],
    [0x81, 0x02],
    [0xc0],
    [0x75, 0x04],
    [0x95, 0x02],
    [0x81, 0x01], // input: constant, padding
    [0xc0],
  ),
  descriptor(
    "tracks-1-and-2",
    "report id 9, lengths of two bytes beside their tracks, and no track 3",
    [0x05, 0x8e],
    [0x09, 0x01],
    [0xa1, 0x01],
    [0x85, 0x09], // report id 9
    [0x75, 0x10], // report size 16
    [0x95, 0x01], // report count 1
    [0x09, 0x11],
    [0x81, 0x02],
    [0x75, 0x08],
    [0x95, 0x4f], // report count 79
    [0x09, 0x21],
    [0x81, 0x02],
    [0x75, 0x10],
    [0x95, 0x01],
    [0x09, 0x12],
    [0x81, 0x02],
    [0x75, 0x08],
    [0x95, 0x28], // report count 40
    [0x09, 0x22],
    [0x81, 0x02],
    [0xc0],
  ),
];
