/** What a person is told about a failure: each sentence complete, none with user data in it. */
export interface FailureText {
  /** What happened. */
  readonly what: string;
  /** What that means for the person or the payment. */
  readonly means: string;
  /** What to do now. */
  readonly todo: string;
}

/** What one occurrence of a failure adds. */
export interface FailureOptions {
  /** Facts that place the failure: a field number, an offset, a length. Never card, PIN, key or payer data. */
  readonly detail?: string;
  readonly cause?: unknown;
}

/** The root of every error that Swipewire itself raises. */
export abstract class SwipewireError extends Error {
  abstract readonly code: string;
  abstract readonly text: FailureText;
}

/** An occurrence of a failure. */
export interface Failure<Code extends string> extends Error {
  readonly code: Code;
  readonly text: FailureText;
}

/** A failure: what its class tells without an occurrence. */
export interface FailureClass<Code extends string> {
  new (options?: FailureOptions): Failure<Code>;
  readonly code: Code;
  readonly text: FailureText;
}

/**
 * The base class of one failure. Each failure is a class of its own:
 *
 * @param code lower-case letters, digits and underscores; unique in all packages
 * @example
 * export class TrackTooLong extends failure("track_too_long", { what: "…", means: "…", todo: "…" }) {}
 * throw new TrackTooLong({ detail: "track 2, 41 characters" });
 */
export function failure<const Code extends string>(code: Code, text: FailureText): FailureClass<Code> {
  return class extends SwipewireError {
    static readonly code = code;
    static readonly text = text;
    override readonly code = code;
    override readonly text = text;

    constructor(options: FailureOptions = {}) {
      super(
        options.detail === undefined ? text.what : `${text.what} (${options.detail})`,
        options.cause === undefined ? undefined : { cause: options.cause },
      );
      this.name = new.target.name;
    }
  };
}
