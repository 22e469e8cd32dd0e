import { main } from "@swipewire/daemon/cli";

// Not awaited: the single file's main module is CommonJS, which has no top-level await.
void main(process.argv);
