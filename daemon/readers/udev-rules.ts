import { readerProfiles } from "@swipewire/protocol/readers/profiles";

const hex = (id: number) => id.toString(16).padStart(4, "0");

/**
 * Rules for /etc/udev/rules.d that let a group open the readers of the profiles, and nothing else of the machine. A
 * reader of the standard's page has no id to know it by, so a rule looks for the page in its report descriptor.
 */
export function udevRules(group: string, profiles = readerProfiles): string {
  const grant = `GROUP="${group}", MODE="0660"`;
  const ids = profiles.flatMap(({ vendorId, productId }) => (vendorId === undefined ? [] : [{ vendorId, productId }]));
  const rules = ids.flatMap(({ vendorId, productId }) => {
    const match = (attribute: string) =>
      [
        `${attribute}{idVendor}=="${hex(vendorId)}"`,
        ...(productId === undefined ? [] : [`${attribute}{idProduct}=="${hex(productId)}"`]),
      ].join(", ");
    return [
      `SUBSYSTEM=="hidraw", ${match("ATTRS")}, ${grant}`,
      `SUBSYSTEM=="tty", ${match("ATTRS")}, ${grant}`,
      // A keyboard is taken from its driver, by the device itself.
      `SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ${match("ATTR")}, ${grant}`,
    ];
  });
  const pages = profiles.flatMap(({ vendorId, usagePage }) => (vendorId === undefined && usagePage ? [usagePage] : []));
  const byPage = pages.map((page) => {
    // Of the bytes as od writes them: a usage page item (HID 1.11, 6.2.2.7), in one byte.
    const item = `.05.${page.toString(16).padStart(2, "0")}`;
    const look = `od -An -v -tx1 /sys%p/device/report_descriptor | tr -d \\\\n | grep -q ${item}`;
    return `SUBSYSTEM=="hidraw", PROGRAM=="/bin/sh -c '${look}'", ${grant}`;
  });
  return [`# Readers that swipewire-daemon knows. Made by: swipewire-daemon udev-rules --group ${group}`]
    .concat([...new Set(rules)], byPage)
    .join("\n");
}
