import { ErrorCode, line, strict } from "@swipewire/protocol/messages/fields";
import { reader } from "@swipewire/protocol/messages/parse";
import Type from "typebox";
import { testCards } from "../cards/test-cards.ts";
import { ScriptContradictory } from "../errors.ts";
import { fits, performerOf } from "./fit.ts";

const card = Type.Enum(testCards.map(({ name }) => name));
const times = Type.Integer({ minimum: 2, maximum: 1000 });
const after = Type.Integer({ minimum: 1, maximum: 4096 });

const Damage = strict({
  /** Worn places: how many, how long in mm, and what share of the field they lack. */
  worn: Type.Optional(
    strict({
      places: Type.Integer({ minimum: 1, maximum: 50 }),
      length: Type.Number({ minimum: 0.1, maximum: 20 }),
      depth: Type.Number({ minimum: 0, maximum: 1 }),
    }),
  ),
  /** Of flux changes, as a share of half a bit. */
  jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 0.5 })),
  /** Signal power over white noise in the full band, in dB. */
  snr: Type.Optional(Type.Number({ minimum: -20, maximum: 80 })),
  /** Where along the stripe, in mm, the hand stops for good. */
  stopsAt: Type.Optional(Type.Number({ minimum: 1, maximum: 85 })),
});

const Step = Type.Union([
  strict({
    do: Type.Literal("swipe"),
    card,
    /** Tracks that the head could make nothing of. */
    unreadable: Type.Optional(Type.Array(Type.Enum([1, 2, 3]), { minItems: 1, uniqueItems: true })),
    /** Of the hand, in cm/s, and which end comes first. Only a bare head gives another signal for it. */
    speed: Type.Optional(Type.Number({ minimum: 3, maximum: 200 })),
    backwards: Type.Optional(Type.Boolean()),
    /** Of the stripe, and noise on the line: of a bare head only. */
    damage: Type.Optional(Damage),
  }),
  strict({ do: Type.Literal("wait"), ms: Type.Integer({ minimum: 1, maximum: 600_000 }) }),
  strict({ do: Type.Literal("plug") }),
  strict({ do: Type.Literal("unplug") }),

  // What no reader should do. Each takes a swipe of the card for it.

  /** Its last report or packet ends halfway. */
  strict({ do: Type.Literal("short-report"), card }),
  /** Each report or packet is sent so many times. */
  strict({ do: Type.Literal("stuck-report"), card, times }),
  /** A length in the frame says more than there is. */
  strict({ do: Type.Literal("wrong-length"), card }),
  /** A check character of the frame is another one. */
  strict({ do: Type.Literal("wrong-lrc"), card }),
  /** The same frame twice, under one key. */
  strict({ do: Type.Literal("ksn-repeated"), card }),
  /** A frame, its successor, and the first one again. */
  strict({ do: Type.Literal("ksn-going-back"), card }),
  /** Two swipes with no pause between them. */
  strict({ do: Type.Literal("double-swipe"), card }),
  /** So many swipes with no pause between them, or until nobody takes any more. */
  strict({ do: Type.Literal("flood"), card, times }),
  /** The endpoint is refused after the first report, until the host clears it. */
  strict({ do: Type.Literal("stall"), card }),
  /** The reader begins anew after so many bytes of the frame: it is gone from its cable, and back. */
  strict({ do: Type.Literal("reset"), card, after }),
  /** Its plug is pulled after so many bytes of the frame. */
  strict({ do: Type.Literal("pulled"), card, after }),
]);
export type Step = Type.Static<typeof Step>;

/**
 * What a daemon tells of a reader: `connected`, `swipe` for a card that was read, why it went (`unplugged`, `failed`,
 * `isolated`), or the code of what was wrong. With `*` once or more in a row, with `?` perhaps; `a|b`: one of them, where it
 * hangs on the system or its pace.
 */
const Outcome = Type.String({ pattern: "^[a-z][a-z0-9_]{2,63}(\\|[a-z][a-z0-9_]{2,63})*[*?]?$" });
const InOrder = Type.Optional(Type.Array(Outcome, { minItems: 1 }));

/** By the kind of reader (see `usbip/reader-kinds.ts`), or of a bare head. */
const Outcomes = strict({
  "hid-msr": InOrder,
  magtek: InOrder,
  idtech: InOrder,
  "idtech-serial": InOrder,
  lines: InOrder,
  native: InOrder,
  "vendor-bulk": InOrder,
  "vendor-interrupt": InOrder,
  keyboard: InOrder,
  head: InOrder,
});
export type Outcomes = Type.Static<typeof Outcomes>;

/** What a virtual reader does, and how a daemon must end each of its lies. */
export const ReaderScript = strict({
  about: line(200),
  /** Between two steps a pause is drawn from it, so that the same seed always gives the same. */
  seed: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
  steps: Type.Array(Step, { minItems: 1, maxItems: 1000 }),
  /**
   * On a pseudo-terminal `ascii` is `lines`, and `idtech` is `idtech-serial`. A kind that is not named has no place for the
   * script's lie, or is another script's matter.
   */
  outcomes: Outcomes,
  /** What the gateway says to each of the swipes, where it does not take them all. */
  gateway: Type.Optional(Type.Array(Type.Union([Type.Literal("accepted"), ErrorCode]))),
});
export type ReaderScript = Type.Static<typeof ReaderScript>;

const LONGEST = 262_144;

const parse = reader(ReaderScript, LONGEST);

/**
 * Reads a script's file, JSON in UTF-8.
 * @throws MessageTooLarge | MessageNotJson | MessageInvalid with the place and the rule that was broken; ScriptContradictory
 */
export function readScript(bytes: Uint8Array): ReaderScript {
  const script = parse(bytes);
  for (const kind of Object.keys(script.outcomes) as (keyof Outcomes)[]) {
    const step = script.steps.find((step) => !fits(step, performerOf(kind)));
    if (step) throw new ScriptContradictory({ detail: `${kind}, ${step.do}` });
  }
  return script;
}
