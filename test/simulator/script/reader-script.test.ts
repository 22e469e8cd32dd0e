import { withBuiltIn } from "@swipewire/daemon/readers/profile-match";
import { ReaderRegistry } from "@swipewire/daemon/readers/reader-registry";
import { advanceReaderCounter } from "@swipewire/gateway/payments/payment-record";
import { openStore } from "@swipewire/gateway/store/store";
import { initialKsn, ksnCounter } from "@swipewire/protocol/crypto/dukpt-tdes";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { ReaderProfile } from "@swipewire/protocol/readers/profiles";
import { Seconds } from "@swipewire/protocol/time";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { canTell, lies, scriptKinds } from "@swipewire/simulator/script/fit";
import { playScript } from "@swipewire/simulator/script/play-script";
import { type ReaderScript, readScript } from "@swipewire/simulator/script/reader-script";
import { type ReaderKind, readerKinds, readerOfKind } from "@swipewire/simulator/usbip/reader-kinds";
import { usbCarrier } from "@swipewire/simulator/usbip/usb-carrier";
import { UsbReader } from "@swipewire/simulator/usbip/usb-reader";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { areOutcomes, examples, listenTo } from "./outcomes.ts";
import { SimulatedHost } from "./simulated-host.ts";

const lineReader: ReaderProfile = {
  name: "line reader",
  vendorId: "1209",
  productId: "0002",
  shownAs: "serial",
  family: "ascii",
  quirks: [],
};

const nativeReader: ReaderProfile = {
  name: "native reader",
  vendorId: "1209",
  productId: "0003",
  shownAs: "serial",
  family: "idtech",
  framing: "native",
  quirks: [],
};

const vendorReaders = ["0004", "0005"].map(
  (productId): ReaderProfile => ({
    name: `vendor's reader ${productId}`,
    vendorId: "1209",
    productId,
    shownAs: "vendor",
    family: "idtech",
    quirks: [],
  }),
);

/** Has a reader on a USB cable play a script to a daemon, in simulated time. */
async function played(t: Test, script: ReaderScript, kind: ReaderKind) {
  const clock = new SimulatedClock();
  const host = new SimulatedHost();
  const finder = {
    source: host,
    profiles: withBuiltIn([lineReader, nativeReader, ...vendorReaders]),
    serial: host.serial.bind(host),
    clock,
    random: seededRandom(script.seed),
  };
  const heard = listenTo(t, { finder: (logger) => new ReaderRegistry({ ...finder, logger }), clock });
  const device = { clock, random: seededRandom(script.seed) };
  const reader = readerOfKind(kind, { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10).fill(1, 0, 7), device });
  const { commands } = reader;
  const usb = new UsbReader({ kind, clock, serialNumber: "A1", ...(commands && { commands }) });
  const carrier = usbCarrier(usb, { plug: () => host.plug(usb), unplug: () => host.unplug() });
  await carrier.plug();
  await clock.advance(Seconds(2));
  let over = false;
  let failure: unknown;
  playScript(script, { reader, carrier, clock })
    .catch((error: unknown) => {
      failure = error;
    })
    .finally(() => {
      over = true;
    });
  while (!over) await clock.advance(Seconds(1));
  if (failure) throw failure;
  // A frame that was cut off is given up after a second; a reader that was let go of is taken again within half a minute.
  await clock.advance(Seconds(45));
  return heard;
}

for (const { name, script } of examples) {
  t.test(`${name}: ${script.about}`, async (t) => {
    for (const kind of readerKinds) {
      const expected = script.outcomes[kind.name as keyof ReaderScript["outcomes"]];
      if (!expected) continue;
      const { told, ksns } = await played(t, script, kind);
      areOutcomes(t, told, expected, kind.name);
      if (script.gateway) t.strictSame(await answersTo(t, ksns), script.gateway, kind.name);
    }
  });
}

/** What the gateway says to swipes with these KSNs, as far as it goes by them. */
async function answersTo(t: Test, ksns: readonly Uint8Array[]): Promise<string[]> {
  const store = await openStore(":memory:");
  t.teardown(() => store.destroy());
  const answers: string[] = [];
  for (const ksn of ksns) {
    try {
      await store
        .transaction()
        .execute((trx) => advanceReaderCounter(trx, Buffer.from(initialKsn(ksn)).toString("hex"), ksnCounter(ksn), 0));
      answers.push("accepted");
    } catch (error) {
      if (!(error instanceof SwipewireError)) throw error;
      answers.push(error.code);
    }
  }
  return answers;
}

t.test("of every lie there is an example for each reader that can tell it", async (t) => {
  for (const lie of lies) {
    for (const kind of scriptKinds) {
      const shown = examples.some(
        ({ script }) => script.outcomes[kind] && script.steps.some((step) => step.do === lie),
      );
      t.equal(shown, canTell(lie, kind), `${lie}, ${kind}`);
    }
  }
});

t.test("the same seed plays the same", async (t) => {
  const kind = readerKinds.find(({ name }) => name === "idtech");
  const script = examples.find(({ name }) => name === "flood.json")?.script;
  if (!kind || !script) throw new Error("an example is gone");
  t.strictSame((await played(t, script, kind)).told, (await played(t, script, kind)).told);
});

t.test("an outcome of a reader that cannot do one of the steps is refused with its name", async (t) => {
  const card = "visa-no-pin";
  for (const [step, kind] of [
    [{ do: "ksn-repeated", card }, "lines"],
    [{ do: "wrong-lrc", card }, "hid-msr"],
    [{ do: "wrong-length", card }, "keyboard"],
    [{ do: "swipe", card, damage: { jitter: 0.1 } }, "magtek"],
    [{ do: "swipe", card, unreadable: [1] }, "head"],
    [{ do: "flood", card, times: 5 }, "head"],
    [{ do: "stall", card }, "head"],
  ] as const) {
    const script = { about: "x", seed: 1, steps: [step], outcomes: { [kind]: ["connected"] } };
    const read = () => readScript(new TextEncoder().encode(JSON.stringify(script)));
    t.throws(read, { code: "script_contradictory", message: new RegExp(`${kind}, ${step.do}`) });
  }
});

t.test("a lie that the reader has no place for is refused before anything is played", async (t) => {
  const kind = readerKinds.find(({ name }) => name === "hid-msr");
  if (!kind) throw new Error("the kind is gone");
  const script: ReaderScript = { about: "x", seed: 1, steps: [{ do: "wrong-lrc", card: "visa-no-pin" }], outcomes: {} };
  await t.rejects(played(t, script, kind), { code: "lie_unfit" });
});

t.test("a file that is no script is refused with the place, never with what it says", async (t) => {
  const right = { about: "x", seed: 1, steps: [{ do: "wait", ms: 5 }], outcomes: {} };
  const read = (script: unknown) => readScript(new TextEncoder().encode(JSON.stringify(script)));
  t.strictSame(read(right), right);
  for (const wrong of [
    { ...right, steps: [] },
    { ...right, steps: [{ do: "dance" }] },
    { ...right, steps: [{ do: "swipe", card: "4111111111111111" }] },
    { ...right, steps: [{ do: "wait", ms: 0 }] },
    { ...right, steps: [{ do: "flood", card: "visa-no-pin", times: 100_000 }] },
    { ...right, seed: -1 },
    { ...right, outcomes: { toaster: ["swipe"] } },
    { ...right, outcomes: { magtek: ["Swipe!"] } },
    { ...right, steps: [{ do: "swipe", card: "visa-no-pin", speed: 0 }] },
    { ...right, steps: [{ do: "swipe", card: "visa-no-pin", damage: { rust: 1 } }] },
    { ...right, surplus: true },
    [right],
  ]) {
    t.throws(() => read(wrong), { code: "message_invalid" }, JSON.stringify(wrong));
    try {
      read(wrong);
    } catch (error) {
      t.notMatch(String(error), /4111|dance|toaster/);
    }
  }
  t.throws(() => readScript(new TextEncoder().encode("{")), { code: "message_not_json" });
  t.throws(() => readScript(new Uint8Array(300_000)), { code: "message_too_large" });
});
