import type { GatewayConfig } from "@swipewire/gateway/config/config-schema";
import { openKeys } from "@swipewire/gateway/keys/open-keys";
import { type Clock, type Duration, Minutes, Seconds, type Timer } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { type System, startSystem } from "@swipewire/simulator/demo/system";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { decodeProtectedHeader } from "jose";
import t from "tap";
import { gatewayCommand, writeConfig } from "./gateway-process.ts";
import {
  clock,
  emptyFolder,
  listeningLogger,
  newOrder,
  PHONE,
  pinOf,
  random,
  swipeFor,
  untilStep,
  untilView,
} from "./stage.ts";
import { tapWire } from "./wire-tap.ts";

/** The machine's clock, some of whose timers need not be waited for. */
class HastyClock implements Clock {
  readonly #timers = new Map<Timer, { readonly delay: Duration; readonly fire: () => void }>();
  readonly now = clock.now;

  after(delay: Duration, action: () => void): Timer {
    const fire = () => {
      timer.cancel();
      action();
    };
    const real = clock.after(delay, fire);
    const timer = {
      cancel: () => {
        real.cancel();
        this.#timers.delete(timer);
      },
    };
    this.#timers.set(timer, { delay, fire });
    return timer;
  }

  /** Fires now what was to wait for so long. */
  hasten(shortest: Duration, longest: Duration): void {
    for (const { delay, fire } of [...this.#timers.values()]) if (delay >= shortest && delay <= longest) fire();
  }
}

t.test("an envelope key is rotated and retired while payers pay; a terminal that missed it asks for it", async (t) => {
  const folder = await emptyFolder(t);
  const { logger, heard } = listeningLogger();
  const hasty = new HastyClock();
  let system: System | undefined;
  const line = await tapWire(() => Number(new URL(system?.gateway.brokerUrl ?? "").port));
  t.teardown(() => line.close());
  let config: GatewayConfig | undefined;
  const pinned = heard("signing key is pinned");
  system = await startSystem({
    folder,
    family: "magtek-magnesafe",
    clock: hasty,
    random,
    logger,
    replySeconds: 60,
    adjust: (usual) => {
      config = usual;
      return {
        ...usual,
        broker: { kind: "embedded", host: "127.0.0.1", port: 0, publicUrl: `mqtt://127.0.0.1:${line.port}` },
      };
    },
  });
  t.teardown(() => system?.close());
  const made = config as GatewayConfig;
  const file = await writeConfig(folder, made);
  const { daemon, bank, shop, phones, transport } = system;
  const { session } = daemon;
  const card = testCard("unionpay-debit");
  phones.phone(PHONE).script = pinOf(card);
  await untilView(session, (view) => view.gateway);
  await pinned;

  const keys = (...args: string[]) => gatewayCommand(file, "keys", ...args);
  /** A command, and the running gateway's having seen what it did. */
  const changed = async (...args: string[]) => {
    const taken = heard("keys that a command changed are in use");
    t.match(await keys(...args), { code: 0 }, args.join(" "));
    hasty.hasten(Seconds(10), Seconds(10));
    await taken;
  };
  const newest = async () => {
    const { store, close } = await openKeys(made.keys, { clock, random });
    const [key] = store.sealingKeys();
    close();
    return key?.kid;
  };
  const sealedTo = () =>
    [
      ...line
        .recorded()
        .toString("latin1")
        .matchAll(/"sealed":"([\w-]+)\./g),
    ].map(([, header]) => decodeProtectedHeader(`${header}....`).kid);
  const reader = virtualReader("magtek-magnesafe", {
    bdk: PUBLISHED_BDK,
    ksn: Uint8Array.from(Buffer.from("FFFF9876543210E00008", "hex")),
  });
  let orders = 0;
  const swipe = async () =>
    swipeFor(
      { session, shop, deliver: (frame) => transport.deliver(frame) },
      await shop.placeOrder(newOrder(`T-${++orders}`)),
      card,
      reader.nextFrame(card),
    );
  const pay = async () => {
    await swipe();
    const { result } = await untilStep(session, "result");
    session.command({ do: "finish" });
    return result?.outcome;
  };

  t.equal(await pay(), "approved");
  const first = await newest();
  t.same(sealedTo(), [first]);

  await changed("rotate");
  t.match(await keys("retire", "--yes"), { code: 1, stdout: /Terminal 1/, stderr: /envelope key/ });
  const learnt = heard("swipes are sealed to another key now");
  hasty.hasten(Minutes(15), Minutes(30));
  await learnt;
  t.equal(await pay(), "approved");
  const second = await newest();
  t.not(second, first);
  t.same(sealedTo(), [first, second]);
  await changed("retire", "--yes");
  t.equal(await pay(), "approved", "after the old key is gone");

  await changed("rotate");
  await changed("retire", "--yes", "--force");
  const known = heard("swipes are sealed to another key now");
  await swipe();
  const again = await untilView(session, (view) => view.problem?.code === "envelope_key_unknown");
  t.equal(again.step, "swipe");
  t.equal(bank.books.totalCharged, 30_000, "not charged");
  transport.deliver(reader.nextFrame(card));
  await untilStep(session, "card");
  await known;
  session.command({ do: "card", pin: true, phone: PHONE });
  t.match((await untilStep(session, "result")).result, { outcome: "approved" });
  const third = await newest();
  t.same(sealedTo(), [first, second, second, second, third]);
  t.equal(bank.books.totalCharged, 40_000);
  t.equal(new Set([first, second, third]).size, 3);
});
