#!/usr/bin/env node
// Plain JavaScript, so that an older Node can still read it and say what is missing.
if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(
    `swipewire-gateway needs Node 24 or later and was started by ${process.version}: run it through npx, which uses the project's own.\n`,
  );
  process.exit(1);
}
const { main } = await import("@swipewire/gateway/cli");
await main(process.argv);
