import type { InEndpoint, LibUSBException, Transfer } from "usb";
import type { ReportListener } from "./report-transport.ts";

/** A card is some hundred keys; one report each, and one for the key's release. */
const WAITING = 4;
/** LIBUSB_TRANSFER_STALL: the device refuses transfers until it is told to go on (USB 2.0, 9.4.5). */
const STALL = 4;

type Source = Pick<InEndpoint, "makeTransfer" | "clearHalt"> & {
  readonly descriptor: Pick<InEndpoint["descriptor"], "wMaxPacketSize">;
};

/**
 * Keeps requests waiting at an endpoint, and hands on what comes. Not by the package's own polling: that throws, outside
 * of any call, when it is ended by who hears of its error, and never ends when a request cannot be made again.
 *
 * @returns what ends it, resolving when no request is waiting any more, so that the interface can be released
 * @throws LibUSBException when the device takes no request
 */
export function readReports(source: Source, listener: ReportListener): () => Promise<void> {
  const over = Promise.withResolvers<void>();
  let waiting = 0;
  let ending = false;
  let stalled = false;

  const end = () => {
    ending = true;
    for (const transfer of transfers) {
      try {
        transfer.cancel();
      } catch {
        // Its device is gone, and with it the request.
      }
    }
    if (waiting === 0) over.resolve();
  };
  const request = (transfer: Transfer) => {
    transfer.submit(Buffer.alloc(source.descriptor.wMaxPacketSize));
    waiting++;
  };
  const again = (transfer: Transfer) => {
    try {
      request(transfer);
    } catch (error) {
      fail(error as LibUSBException);
    }
  };
  const fail = ({ errno }: LibUSBException) => {
    stalled ||= errno === STALL;
    if (ending) return;
    end();
    listener.failed();
  };

  // It is the transfer's callback that is called: one given to `submit` is not, whatever the types say.
  const transfers = Array.from({ length: WAITING }, () => {
    const transfer: Transfer = source.makeTransfer(0, (error, buffer, length) => {
      waiting--;
      if (error) fail(error);
      else {
        listener.report(buffer.subarray(0, length));
        if (!ending) again(transfer);
      }
      if (ending && waiting === 0) over.resolve();
    });
    return transfer;
  });
  try {
    for (const transfer of transfers) request(transfer);
  } catch (error) {
    end();
    throw error;
  }
  return async () => {
    if (!ending) end();
    await over.promise;
    // A reader that is gone has nothing to clear.
    if (stalled) await new Promise<void>((resolve) => source.clearHalt(() => resolve()));
  };
}
