import { type FailureClass, SwipewireError } from "../failure.ts";
import type { FrameCheck, FrameExamination, ReaderCodec, ReaderFamily, ReaderFrame } from "./reader-frame.ts";

/** Collects what was checked about a frame, so that one failed check does not hide the others. */
export class FrameChecks {
  readonly made: FrameCheck[] = [];
  #firstFailure: Error | undefined;

  /**
   * Notes a check. The first that fails decides the failure of the frame.
   * @param name as the family's manual calls what is checked
   * @param detail facts of place and size
   */
  check(name: string, passed: boolean, Failure: FailureClass<string>, detail: string): void {
    this.made.push({ name, passed, detail });
    if (!passed) this.#firstFailure ??= new Failure({ detail: `${name}: ${detail}` });
  }

  /** Goes on only if all checks so far passed. @throws the failure of the first that did not */
  settle(): void {
    if (this.#firstFailure) throw this.#firstFailure;
  }

  /** A check without which nothing that follows can be made. @throws as {@link settle}, when it does not pass */
  require(name: string, passed: boolean, Failure: FailureClass<string>, detail: string): void {
    this.check(name, passed, Failure, detail);
    if (!passed) this.settle();
  }
}

/** A codec from its two directions; `takeApart` settles its checks before it copies any track out of the bytes. */
export function readerCodec(
  family: ReaderFamily,
  takeApart: (bytes: Uint8Array, checks: FrameChecks) => Omit<ReaderFrame, "family" | "checks">,
  encode: (frame: ReaderFrame) => Uint8Array,
): ReaderCodec {
  const examine = (given: Uint8Array): FrameExamination => {
    // Not a Node Buffer, whose slice() shares memory: the frame must outlive the bytes.
    const bytes = new Uint8Array(given.buffer, given.byteOffset, given.length);
    const checks = new FrameChecks();
    try {
      return { frame: { family, ...takeApart(bytes, checks), checks: checks.made }, checks: checks.made };
    } catch (failure) {
      if (failure instanceof SwipewireError) return { checks: checks.made, failure };
      throw failure;
    }
  };
  return {
    family,
    examine,
    decode(bytes) {
      const { frame, failure } = examine(bytes);
      if (!frame) throw failure;
      return frame;
    },
    encode,
  };
}
