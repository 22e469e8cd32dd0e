import { facesOf, isBuiltIn, type ReaderProfile } from "@swipewire/protocol/readers/profiles";

const HEADING = ["vendor", "product", "page", "shown as", "family", "from", "name"];

/** The profiles as a person reads them, in columns. */
export function profileTable(profiles: readonly ReaderProfile[]): string {
  const rows = [HEADING, ...profiles.map(cellsOf)];
  const widths = HEADING.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cellsOf(profile: ReaderProfile): string[] {
  const { vendorId = "any", productId = "any", usagePage = "any", family, name, framing, quirks } = profile;
  const said = [...(framing ? [`${framing} framing`] : []), ...quirks];
  const more = said.length > 0 ? ` (${said.join(", ")})` : "";
  const from = isBuiltIn(profile) ? "built in" : "config";
  return [vendorId, productId, usagePage, facesOf(profile).join("/"), family, from, name + more];
}
