import { Duplex } from "node:stream";

/**
 * A connection in memory, both ends of it. `duplexPair` hands over the very bytes that were written, which their writer
 * overwrites once it may; this one copies them, as a network does.
 */
export function linePair(): readonly [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(bytes: Uint8Array, _encoding, written) {
        if (other().readable) other().push(Buffer.from(bytes));
        written();
      },
      destroy(error, destroyed) {
        if (other().readable) other().push(null);
        destroyed(error);
      },
    });
  const here: Duplex = end(() => there);
  const there: Duplex = end(() => here);
  return [here, there];
}
