import { readFileSync } from "node:fs";
import t from "tap";
import { renderSimulatorPage, SIMULATOR_PAGE } from "./script-fit.ts";

t.test(
  "the tables of what a script's lies can be told by are those that the code goes by (npm run docs writes them)",
  async (t) => {
    const page = readFileSync(SIMULATOR_PAGE, "utf8");
    t.equal(page, renderSimulatorPage(page));
    t.match(page, "| `stall` | yes |");
    t.match(page, "| `--uhid` | `hid-msr`, `magtek`, `idtech` | `stall` |");
  },
);
