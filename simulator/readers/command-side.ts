/** What a reader says to a host's bytes. */
export interface Heard {
  readonly reply: Uint8Array;
  /** The reader begins anew once the reply is through; on USB it goes off the bus and comes back. */
  readonly resets?: true;
}

/** The side of a virtual reader that hears its host's commands. */
export interface CommandSide {
  /** @param bytes a whole feature report, or of a serial line whatever came. @returns undefined while there is no reply */
  hear(bytes: Uint8Array): Heard | undefined;
}
