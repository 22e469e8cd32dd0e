import { read } from "node:fs";
import { promisify } from "node:util";
import { autoDetect, type BindingInterface, DarwinPortBinding, LinuxPortBinding } from "@serialport/bindings-cpp";
import { unixRead } from "@serialport/bindings-cpp/dist/unix-read.js";
import { SerialPortStream } from "@serialport/stream";

const system: BindingInterface = autoDetect();
const readFile = promisify(read);

/**
 * A terminal that was hung up gives no bytes, over and over (Linux's tty_hangup). The package asks again without end, and
 * never tells that the port is gone, where the reader is pulled out between one read and the next:
 * serialport/bindings-cpp, issue 162.
 */
const readOrHangUp = async (...given: Parameters<typeof readFile>) => {
  const result = await readFile(...given);
  if (result.bytesRead === 0) throw Object.assign(new Error("hung up"), { code: "ENXIO" });
  return result;
};

const binding: BindingInterface = {
  list: () => system.list(),
  async open(options) {
    const port = await system.open(options);
    if (port instanceof LinuxPortBinding || port instanceof DarwinPortBinding) {
      port.read = (buffer, offset, length) =>
        unixRead({ binding: port, buffer, offset, length, fsReadAsync: readOrHangUp as typeof readFile });
    }
    return port;
  },
};

/** A port of the system, unopened. One that goes away is always told of, as a close. */
export function serialPort(options: { readonly path: string; readonly baudRate: number; readonly autoOpen: false }) {
  return new SerialPortStream({ ...options, binding });
}
