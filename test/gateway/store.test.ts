import { openStore } from "@swipewire/gateway/store/store";
import t from "tap";
t.test("opens", async (t) => {
  const s = await openStore(":memory:");
  t.ok((await s.selectFrom("acquirer_sequence").selectAll().execute()).length === 1);
  await s.destroy();
});
