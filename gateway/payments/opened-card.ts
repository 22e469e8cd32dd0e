import { maskPan } from "@swipewire/protocol/card/masking";
import { wipeSwipe } from "@swipewire/protocol/card/swipe";
import { parseTrack } from "@swipewire/protocol/card/track";
import { initialKsn, ksnCounter } from "@swipewire/protocol/crypto/dukpt-tdes";
import { openSealedSwipe } from "@swipewire/protocol/envelope/open";
import type { SealContext } from "@swipewire/protocol/envelope/seal";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { openSwipe } from "@swipewire/protocol/readers/open-swipe";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { SwipeForeign, SwipeTrack2Missing } from "../errors.ts";
import type { KeyStore } from "../keys/key-store.ts";

/** A card as the bank is to see it. Lives in memory, and no longer than the authorisation. */
export interface OpenedCard {
  /** The sealed swipe's own id. */
  readonly swipe: string;
  /** What its terminal signed with it. */
  readonly asked: Pick<SealContext, "order" | "pin" | "phone" | "at">;
  /** Of a reader that encrypts. */
  readonly reader?: { /** Hex. */ readonly initialKsn: string; readonly counter: number };
  readonly track2: SensitiveBytes;
  readonly track3?: SensitiveBytes;
  readonly pan: SensitiveBytes;
  readonly maskedPan: string | undefined;
  wipe(): void;
}

/** What a sealed swipe must be bound to, and the key that proves it. */
export interface SwipeBinding {
  readonly terminal: string;
  readonly payment: string;
  readonly verificationKey: PublicJwk;
}

/**
 * Opens a sealed swipe down to clear tracks.
 * @throws EnvelopeUnreadable | EnvelopeSignatureInvalid | EnvelopeMalformed | SwipeForeign | SwipeTrack2Missing, and
 * what opening and parsing tracks throws (`reader_*`, `track_*`); nothing is left unwiped then
 */
export async function openCard(sealed: string, binding: SwipeBinding, keys: KeyStore): Promise<OpenedCard> {
  const { context, swipe } = await openSealedSwipe(sealed, (jwe) => keys.decryptEnvelope(jwe), binding.verificationKey);
  try {
    if (context.terminal !== binding.terminal) throw new SwipeForeign({ detail: "terminal" });
    if (context.payment !== binding.payment) throw new SwipeForeign({ detail: "payment" });
    const reader = swipe.kind === "encrypted" && {
      initialKsn: Buffer.from(initialKsn(swipe.ksn)).toString("hex"),
      counter: ksnCounter(swipe.ksn),
    };
    const tracks = openSwipe(swipe, (scheme, ksn, ciphertext) => keys.decryptReaderBlock(scheme, ksn, ciphertext));
    const wipeTracks = () => tracks.forEach(({ data }) => void data.wipe());
    try {
      const track2 = tracks.find(({ number }) => number === 2)?.data;
      if (!track2) throw new SwipeTrack2Missing();
      const track3 = tracks.find(({ number }) => number === 3)?.data;
      // The bank asks for neither the name nor anything else of track 1.
      tracks.find(({ number }) => number === 1)?.data.wipe();
      const pan = track2.use((bytes) => SensitiveBytes.copyOf(parseTrack(2, bytes).pan));
      return {
        swipe: context.swipe,
        asked: context,
        ...(reader && { reader }),
        track2,
        ...(track3 && { track3 }),
        pan,
        maskedPan: pan.use(maskPan),
        wipe: () => {
          wipeTracks();
          pan.wipe();
        },
      };
    } catch (failure) {
      wipeTracks();
      throw failure;
    }
  } finally {
    wipeSwipe(swipe);
  }
}
