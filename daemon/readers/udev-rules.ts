import { type ReaderProfile, readerProfiles } from "@swipewire/protocol/readers/profiles";

/**
 * Rules for /etc/udev/rules.d that let a group open the readers of the profiles, and nothing else of the machine. A
 * profile without a vendor has no id to know its readers by, so a rule looks for its page in their report descriptors.
 */
export function udevRules(group: string, profiles: readonly ReaderProfile[] = readerProfiles): string {
  const grant = `GROUP="${group}", MODE="0660"`;
  const ids = profiles.flatMap(({ vendorId, productId }) => (vendorId === undefined ? [] : [{ vendorId, productId }]));
  const rules = ids.flatMap(({ vendorId, productId }) => {
    const match = (attribute: string) =>
      [
        `${attribute}{idVendor}=="${vendorId}"`,
        ...(productId === undefined ? [] : [`${attribute}{idProduct}=="${productId}"`]),
      ].join(", ");
    return [
      // By the HID device's own name, which it has on any bus.
      `SUBSYSTEM=="hidraw", KERNELS=="*:${upper(vendorId)}:${productId === undefined ? "" : `${upper(productId)}.`}*", ${grant}`,
      `SUBSYSTEM=="tty", ${match("ATTRS")}, ${grant}`,
      // A keyboard is taken from its driver, by the device itself.
      `SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ${match("ATTR")}, ${grant}`,
    ];
  });
  const pages = profiles.flatMap(({ vendorId, usagePage }) => (vendorId === undefined && usagePage ? [usagePage] : []));
  const byPage = pages.map((page) => {
    const look = `od -An -v -tx1 /sys%p/device/report_descriptor | tr -d \\\\n | grep -q ${usagePageItems(page)}`;
    return `SUBSYSTEM=="hidraw", PROGRAM=="/bin/sh -c '${look}'", ${grant}`;
  });
  return [`# Readers that swipewire-daemon knows. Made by: swipewire-daemon udev-rules --group ${group}`]
    .concat([...new Set([...rules, ...byPage])])
    .join("\n");
}

const upper = (id: string) => id.toUpperCase();

/**
 * Of the bytes as od writes them: a usage page item, in one byte or in two, or a usage item with its page behind it; least
 * first (HID 1.11, 6.2.2.2, 6.2.2.7 and 6.2.2.8).
 */
function usagePageItems(page: string): string {
  const high = page.slice(0, 2);
  const low = page.slice(2);
  const items = [...(high === "00" ? [`.05.${low}`] : []), `.06.${low}.${high}`, `.0b.......${low}.${high}`];
  return items.map((item) => `-e ${item}`).join(" ");
}
