import type { Daemon } from "@swipewire/daemon/daemon";
import type { SessionView } from "@swipewire/protocol/messages/local-session";
import { type Duration, Minutes, Seconds, sleep } from "@swipewire/protocol/time";
import { testCards } from "@swipewire/simulator/cards/test-cards";
import type { Dice } from "@swipewire/simulator/waveform/dice";
import type { SimulatedClock } from "../simulated-clock.ts";
import type { Centre } from "./centre.ts";
import type { ReaderStand } from "./reader-stand.ts";
import type { RealWork } from "./real-work.ts";

export interface PayersOptions {
  readonly session: Daemon["session"];
  readonly stand: ReaderStand;
  readonly centre: Centre;
  readonly work: RealWork;
  readonly clock: SimulatedClock;
  readonly dice: Dice;
}

/** The reader's step by which a card is read, or not. */
const swipeOf = (dice: Dice, unreadable?: [1, 2, 3]) =>
  ({ do: "swipe", card: dice.pick(testCards).name, ...(unreadable && { unreadable }) }) as const;

/** People before a terminal, one after the other, and what happens to it meanwhile. */
export class Payers {
  readonly #options: PayersOptions;

  constructor(options: PayersOptions) {
    this.#options = options;
  }

  /**
   * One visit, from the code to the result or to where it ends before.
   * @param pull whether the reader is to be pulled out this time, in the middle of a card or before it
   */
  async visit(pull: boolean): Promise<void> {
    const { session, stand, centre, work, dice } = this.#options;
    const oneIn = (times: number) => dice.whole(1, times) === 1;
    if (oneIn(50)) this.#loseBroker();
    if (oneIn(100)) this.#stopGateway();
    if (oneIn(50)) centre.babble();
    if (oneIn(100)) await stand.play(swipeOf(dice));
    session.command({ do: "enter-code", code: String(dice.whole(10_000_000, 99_999_999)) });
    const found = await this.#until(({ step }) => step !== "finding", Minutes(1));
    if (found?.step !== "confirm") return;
    if (oneIn(200)) return this.#walkAway();
    await this.#pause(1, 3);
    session.command({ do: "confirm" });
    await this.#pause(1, 3);
    if (pull) {
      if (oneIn(2)) await stand.play({ ...swipeOf(dice), do: "pulled", after: dice.whole(1, 200) });
      else await stand.unplug();
      await this.#pause(1, 5);
      await stand.plugAny();
      await this.#pause(2, 4);
    }
    if (oneIn(10)) await stand.play(swipeOf(dice, [1, 2, 3]));
    if (oneIn(40)) await stand.lie();
    await stand.plugAny();
    await stand.play(swipeOf(dice));
    if (oneIn(10)) await stand.play(swipeOf(dice));
    await this.#until(({ step }) => step !== "swipe", Seconds(3));
    if (oneIn(200)) return this.#walkAway();
    await this.#pause(1, 4);
    if (session.view().step === "swipe" || oneIn(25)) return this.#cancel();
    if (session.view().step !== "card") return;
    const phone = oneIn(2) ? { pin: true, phone: "+8613800138000" } : { pin: false };
    const sent = centre.nextSubmission();
    session.command({ do: "card", ...phone });
    await work.hold(sent);
    if (oneIn(50)) {
      await this.#pause(0, 4);
      this.#cancel();
    }
    // Longer than the broker is ever away.
    const end = await this.#until(({ step }) => step === "result" || step === "idle", Minutes(10));
    if (!end) throw new Error(`a visit without end, at ${session.view().step}`);
    await this.#pause(1, 4);
    if (session.view().step === "result") session.command({ do: "finish" });
  }

  /** Waits for a moment at which nothing is under way. */
  async quiet(): Promise<void> {
    const { centre, clock } = this.#options;
    await this.#options.stand.plugAny();
    await this.#until(({ step, gateway }) => step === "idle" && gateway && centre.connected, Minutes(10));
    await sleep(clock, Seconds(5));
  }

  async #walkAway(): Promise<void> {
    await this.#until(({ step }) => step === "idle", Minutes(5));
  }

  #cancel(): void {
    const { session } = this.#options;
    const { step } = session.view();
    if (step !== "idle" && step !== "checking" && step !== "result") session.command({ do: "cancel" });
  }

  #loseBroker(): void {
    const { centre, clock, dice } = this.#options;
    clock.after(Seconds(dice.between(0, 15)), () => {
      if (!centre.connected) return;
      centre.lose();
      clock.after(Seconds(dice.between(1, 90)), () => centre.connect());
    });
  }

  #stopGateway(): void {
    const { centre, clock, dice } = this.#options;
    clock.after(Seconds(dice.between(0, 15)), () => centre.announce("offline"));
    clock.after(Seconds(dice.between(16, 30)), () => centre.announce("online"));
  }

  #pause(least: number, most: number): Promise<void> {
    const { clock, dice } = this.#options;
    return sleep(clock, Seconds(dice.between(least, most)));
  }

  /** @returns undefined when the limit is over first */
  async #until(matches: (view: SessionView) => boolean, limit: Duration): Promise<SessionView | undefined> {
    const { session, clock } = this.#options;
    const patience = new AbortController();
    let end = () => {};
    const seen = new Promise<SessionView>((resolve) => {
      const look = (view: SessionView) => {
        if (matches(view)) resolve(view);
      };
      end = session.onChange(look);
      look(session.view());
    });
    const view = await Promise.race([
      seen,
      sleep(clock, limit, patience.signal).then(
        () => undefined,
        () => undefined,
      ),
    ]);
    patience.abort();
    end();
    return view;
  }
}
