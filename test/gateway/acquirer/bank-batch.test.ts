import { followBank } from "@swipewire/gateway/acquirer/bank-batch";
import t from "tap";
import { openBankFloor } from "../bank-floor.ts";

t.test(
  "goes over to the bank's batch and settles the one before; a batch that was used is not opened again",
  async (t) => {
    const floor = await openBankFloor(t);
    const process = await floor.startProcess();
    const follow = (batch: number) =>
      process.store.transaction().execute((trx) => followBank(trx, batch, floor.clock.now()));
    t.equal(await follow(1), false, "it is open already");
    t.match(await floor.pay(process, 10_00), { batch: 1, trace: 1 });
    t.equal(await follow(7), true);
    t.match(await floor.settlementOf(process, 1), { cause: "bank", state: "closing" });
    t.match(await floor.pay(process, 20_00), { batch: 7, trace: 2 });
    t.equal(await follow(1), false, "its transactions keep their names");
    t.equal(await follow(3), true);
    t.equal(await follow(4), true, "nothing was in it, so nothing is settled");
    t.equal(await floor.settlementOf(process, 3), undefined);
    process.settlements.start();
    await floor.untilSettlement(process, 1, "settled");
    await floor.untilSettlement(process, 7, "settled");
    t.equal(floor.bank.books.totalCharged, 30_00);
  },
);
