import { Millis, Seconds } from "@swipewire/protocol/time";
import { type PayerScript, typingPayer } from "@swipewire/simulator/phone/payer";
import type { Phones } from "@swipewire/simulator/phone/phones";
import { NUMBER, OTHER_NUMBER, type PayerBehaviour } from "./voice-suite.ts";

const PICK_UP = Seconds(3);
const KEY = Millis(200);
const keys = (text: string) => new TextEncoder().encode(text);

const script = (behaviour: PayerBehaviour, number: string): PayerScript => {
  switch (behaviour) {
    case "types":
      return typingPayer(keys(`${number.slice(-4)}#`), PICK_UP, KEY);
    case "listens":
      return { answer: "after", after: PICK_UP, steps: [] };
    case "hangs-up":
      return { answer: "after", after: PICK_UP, steps: [{ hangup: true }] };
    case "hangs-up-midway":
      return {
        answer: "after",
        after: PICK_UP,
        steps: [{ type: keys("13"), every: KEY }, { wait: Seconds(1) }, { hangup: true }],
      };
    case "rings":
      return { answer: "never", after: Seconds(15) };
    case "busy":
      return { answer: "busy" };
    default:
      return { answer: "unreachable" };
  }
};

/** Has the owners of the suite's numbers behave so. They do it all within 20 seconds. */
export function scriptPhones(phones: Phones, behaviour: PayerBehaviour): void {
  for (const number of [NUMBER, OTHER_NUMBER]) phones.phone(number).script = script(behaviour, number);
}
