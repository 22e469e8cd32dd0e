import type { CallEvent, VoiceChannel } from "@swipewire/gateway/voice/voice-channel";
import type { Test } from "tap";

/** What the owner of the phone does with a call. */
export type PayerBehaviour =
  /** Picks up and types the last four digits of the number called, and `#`. */
  | "types"
  /** Picks up and does nothing. */
  | "listens"
  /** Picks up and hangs up. */
  | "hangs-up"
  /** Picks up, presses 1 and 3, and hangs up. */
  | "hangs-up-midway"
  /** Never picks up. */
  | "rings"
  | "busy"
  /** Can't be reached at all. */
  | "gone";

/** Numbers whose owners behave so. */
export const NUMBER = "+8613800001379";
export const OTHER_NUMBER = "+8613800002468";

export interface VoiceStage {
  readonly voice: VoiceChannel;
  /** Lets the time pass that the payer, or a limit, needs. */
  readonly elapse: () => Promise<void>;
}

/** Keeps the events of one call and tells when one has come. */
export function listener() {
  const events: CallEvent[] = [];
  let waiting: (() => void)[] = [];
  return {
    events,
    on(event: CallEvent) {
      events.push(event);
      for (const wake of waiting.splice(0)) wake();
    },
    async until(kind: CallEvent["kind"], count = 1): Promise<void> {
      while (events.filter((event) => event.kind === kind).length < count) {
        // Nothing comes after the end.
        if (this.causes.length > 0) throw new Error(`ended as ${this.causes} while waiting for ${kind}`);
        await new Promise<void>((resolve) => {
          waiting = [...waiting, resolve];
        });
      }
    },
    get keys(): string {
      return events.map((event) => (event.kind === "key" ? String.fromCharCode(event.key) : "")).join("");
    },
    get causes(): string[] {
      return events.flatMap((event) => (event.kind === "ended" ? [event.cause] : []));
    },
  };
}

/** What every voice channel does alike. */
export function voiceSuite(t: Test, open: (t: Test, behaviour: PayerBehaviour) => Promise<VoiceStage>): void {
  t.test("rings, is answered, hears the keys in their order, and hangs up once", async (t) => {
    const { voice, elapse } = await open(t, "types");
    const call = listener();
    const { hangup } = voice.call(NUMBER, "enter-pin", call.on);
    t.same(call.events, [], "events begin after the call returned");
    await call.until("ringing");
    await elapse();
    await call.until("key", 5);
    t.same(call.events.slice(0, 2), [{ kind: "ringing" }, { kind: "answered" }]);
    t.equal(call.keys, "1379#");
    hangup();
    hangup();
    t.same(call.causes, [], "ended comes after hangup returned");
    await call.until("ended");
    hangup();
    t.same(call.events.at(-1), { kind: "ended", cause: "hangup" });
    await voice.close();
    t.equal(call.causes.length, 1);
  });

  t.test("hanging up while it rings ends the call as hung up, once", async (t) => {
    const { voice } = await open(t, "rings");
    const call = listener();
    const { hangup } = voice.call(NUMBER, "enter-pin", call.on);
    await call.until("ringing");
    hangup();
    await call.until("ended");
    await voice.close();
    t.same(call.events, [{ kind: "ringing" }, { kind: "ended", cause: "hangup" }]);
  });

  t.test("hanging up at once ends the call as hung up, once", async (t) => {
    const { voice } = await open(t, "rings");
    const call = listener();
    voice.call(NUMBER, "enter-pin", call.on).hangup();
    t.same(call.events, []);
    await call.until("ended");
    await voice.close();
    t.same(call.events, [{ kind: "ended", cause: "hangup" }]);
  });

  t.test(
    "hanging up while the payer listens ends the call as hung up, once, and the next one is another",
    async (t) => {
      const { voice, elapse } = await open(t, "types");
      for (let turn = 0; turn < 2; turn++) {
        const call = listener();
        const { hangup } = voice.call(NUMBER, "enter-pin", call.on);
        await call.until("ringing");
        await elapse();
        await call.until("key", 2);
        hangup();
        await call.until("ended");
        t.same(call.causes, ["hangup"]);
        t.match(call.keys, /^13/);
      }
      const last = listener();
      voice.call(NUMBER, "enter-pin", last.on);
      await last.until("ringing");
      await elapse();
      await last.until("key", 5);
      t.equal(last.keys, "1379#");
      await voice.close();
    },
  );

  t.test("two calls at once are not taken for each other", async (t) => {
    const { voice, elapse } = await open(t, "types");
    const [one, two] = [listener(), listener()];
    const { hangup } = voice.call(NUMBER, "enter-pin", one.on);
    voice.call(OTHER_NUMBER, "wrong-pin", two.on);
    await Promise.all([one.until("ringing"), two.until("ringing")]);
    await elapse();
    await one.until("key", 5);
    hangup();
    await one.until("ended");
    await two.until("key", 5);
    t.same([one.keys, two.keys], ["1379#", "2468#"]);
    t.same([one.causes, two.causes], [["hangup"], []]);
    await voice.close();
  });

  t.test("a second call to the same number does not touch the first", async (t) => {
    const { voice, elapse } = await open(t, "types");
    const [one, two] = [listener(), listener()];
    voice.call(NUMBER, "enter-pin", one.on);
    await one.until("ringing");
    const second = voice.call(NUMBER, "enter-pin", two.on);
    // A phone that is in use already may be busy.
    await two.until("ringing").catch(() => {});
    second.hangup();
    await two.until("ended").catch(() => {});
    await elapse();
    await one.until("key", 5);
    t.equal(one.keys, "1379#");
    t.same(one.causes, []);
    t.match(two.causes.join(), /^(?:busy|hangup)$/);
    await voice.close();
  });

  t.test("a payer who hangs up midway was heard until then", async (t) => {
    const { voice, elapse } = await open(t, "hangs-up-midway");
    const call = listener();
    voice.call(NUMBER, "enter-pin", call.on);
    await call.until("ringing");
    await elapse();
    await call.until("ended");
    t.equal(call.keys, "13");
    t.same(call.causes, ["hangup"]);
  });

  for (const [behaviour, cause] of [
    ["busy", "busy"],
    ["rings", "no-answer"],
    ["hangs-up", "hangup"],
    ["gone", "unreachable"],
  ] as const) {
    t.test(`a payer's phone that is "${behaviour}" ends the call as ${cause}`, async (t) => {
      const { voice, elapse } = await open(t, behaviour);
      const call = listener();
      voice.call(NUMBER, "enter-pin", call.on);
      if (behaviour === "rings" || behaviour === "hangs-up") await call.until("ringing");
      await elapse();
      await call.until("ended");
      t.same(call.causes, [cause]);
      t.equal(
        call.events.some(({ kind }) => kind === "answered"),
        behaviour === "hangs-up",
      );
    });
  }

  t.test("closing the channel ends its calls, once, and not as if the payer had hung up", async (t) => {
    const { voice, elapse } = await open(t, "listens");
    const call = listener();
    voice.call(NUMBER, "enter-pin", call.on);
    await call.until("ringing");
    await elapse();
    await call.until("answered");
    await voice.close();
    await call.until("ended");
    t.equal(call.causes.length, 1);
    t.match(call.causes[0], /^(?:failed|unreachable)$/);
    const late = listener();
    voice.call(NUMBER, "enter-pin", late.on);
    await late.until("ended");
    t.match(late.events, [{ kind: "ended", cause: /^(?:failed|unreachable)$/ }]);
  });
}
