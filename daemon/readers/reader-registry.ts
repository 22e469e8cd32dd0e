import { SwipewireError } from "@swipewire/protocol/failure";
import type { Random } from "@swipewire/protocol/random";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import { type StreamFamily, streamFamilyNames } from "@swipewire/protocol/readers/frame-streams";
import { hidMsr, MSR_USAGE_PAGE } from "@swipewire/protocol/readers/hid-msr";
import { parseReportDescriptor } from "@swipewire/protocol/readers/hid-report-descriptor";
import { type ReaderProfile, readerProfiles } from "@swipewire/protocol/readers/profiles";
import type { ReaderFamily } from "@swipewire/protocol/readers/reader-frame";
import { questionOf } from "@swipewire/protocol/readers/reader-questions";
import { type Clock, Millis, Seconds, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { ReaderProfileUnfit, ReaderSearchFailed, ReaderUnanswering } from "../errors.ts";
import { type Asked, askReader, recognition } from "../transports/ask-reader.ts";
import type { ReaderTransport } from "../transports/reader-transport.ts";
import {
  paddedReports,
  type ReportFrames,
  streamedReports,
  typedReports,
  wholeReports,
} from "../transports/report-frames.ts";
import { type ReportDevice, ReportTransport, type Speech } from "../transports/report-transport.ts";
import { SerialTransport } from "../transports/serial.ts";
import type { DeviceSource, PluggedDevice } from "./device-source.ts";
import type { FinderListener, ReaderFinder } from "./frame-intake.ts";
import { matchedBy, recognise } from "./profile-match.ts";

/** Events may be missed, and come before a driver has made the device's file. */
const POLL = Seconds(2);
const AFTER_EVENT = [Millis(100), Millis(400), Millis(900)];
const FACTORY_BAUD_RATE = 9600;

export interface RegistryOptions {
  readonly source: DeviceSource;
  readonly profiles?: readonly ReaderProfile[];
  /** Device files that the config names: they are somebody else's. */
  readonly taken?: readonly string[];
  /** Makes the transport of a serial reader; the system's unless given. */
  readonly serial?: (options: ConstructorParameters<typeof SerialTransport>[0]) => ReaderTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A reader that is plugged in. */
interface Plugged {
  readonly device: PluggedDevice;
  readonly name: string;
  readonly transport: ReaderTransport;
}

/** Finds readers among what is plugged in, names them, and opens and closes their transports as they come and go. */
export class ReaderRegistry implements ReaderFinder {
  readonly #options: RegistryOptions;
  /** By address and port. */
  readonly #plugged = new Map<string, Plugged>();
  /** Devices that no transport could be made for, so that each is told once. */
  readonly #unfit = new Set<string>();
  readonly #timers = new Set<Timer>();
  #poll: Timer | undefined;
  #listener: FinderListener | undefined;
  #unwatch: Promise<() => void> | undefined;
  #scanning: Promise<readonly PluggedDevice[]> | undefined;
  #again = false;
  #failing = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  open(listener: FinderListener): void {
    this.#listener = listener;
    this.#unwatch = this.#options.source
      .watch(() => this.#changed())
      .catch((cause: unknown) => {
        this.#complain(cause);
        return () => {};
      });
    this.#pollNow();
  }

  async close(): Promise<void> {
    this.#listener = undefined;
    this.#poll?.cancel();
    for (const timer of this.#timers) timer.cancel();
    (await this.#unwatch)?.();
    await this.#scanning;
    await Promise.all([...this.#plugged.values()].map(({ transport }) => transport.close()));
    this.#plugged.clear();
  }

  #pollNow(): void {
    void this.#scan().then(() => {
      if (this.#listener) this.#poll = this.#options.clock.after(POLL, () => this.#pollNow());
    });
  }

  #changed(): void {
    void this.#scan();
    for (const delay of AFTER_EVENT) {
      const timer = this.#options.clock.after(delay, () => {
        this.#timers.delete(timer);
        void this.#scan();
      });
      this.#timers.add(timer);
    }
  }

  /** Looks at once, or once more when the look that is under way is over. @returns what was seen last */
  async #scan(): Promise<readonly PluggedDevice[]> {
    this.#again = true;
    this.#scanning ??= this.#scanAll().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  async #scanAll(): Promise<readonly PluggedDevice[]> {
    let devices: readonly PluggedDevice[] = [];
    while (this.#again) {
      this.#again = false;
      try {
        devices = await this.#options.source.list();
        this.#failing = false;
      } catch (cause) {
        // What cannot be seen is not gone: a reader that is, fails by itself.
        this.#complain(cause);
        return [...this.#plugged.values()].map(({ device }) => device);
      }
      if (this.#listener) await this.#compare(devices);
    }
    return devices;
  }

  #complain(cause: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    const { code, message } = new ReaderSearchFailed();
    this.#options.logger.warn({ code, cause: cause instanceof Error ? cause.name : "unknown" }, message);
  }

  async #compare(devices: readonly PluggedDevice[]): Promise<void> {
    const { source, profiles = readerProfiles } = this.#options;
    const taken = await Promise.all((this.#options.taken ?? []).map((path) => source.addressOf(path)));
    const readers = recognise(
      devices.filter(({ address }) => !taken.includes(address)),
      profiles,
    );
    const here = new Set(readers.map(({ device }) => keyOf(device)));
    const pluggedIn = new Set(devices.map(keyOf));
    for (const key of this.#unfit) if (!here.has(key)) this.#unfit.delete(key);
    for (const [key, { transport }] of this.#plugged) {
      if (here.has(key)) continue;
      this.#plugged.delete(key);
      // It may turn out to be somebody else's when udev has given it its name.
      await transport.close(pluggedIn.has(key) ? "closed" : "unplugged");
    }
    for (const { device, profile } of readers) {
      const key = keyOf(device);
      if (!this.#plugged.has(key) && !this.#unfit.has(key)) this.#appear(key, device, profile);
    }
  }

  #appear(key: string, device: PluggedDevice, profile: ReaderProfile): void {
    const name = this.#nameOf(device, profile);
    const by = matchedBy(profile);
    const place = { profile: profile.name, port: device.port, recognised: recognition(by) };
    const told = (asked: Asked) => {
      place.recognised = recognition(by, asked);
      if (asked.outcome === "answered") return;
      const { code, message } = new ReaderUnanswering();
      this.#options.logger.warn({ reader: name, code, outcome: asked.outcome, says: asked.says }, message);
    };
    let transport: ReaderTransport;
    try {
      transport = this.#transportFor(device, profile, name, told);
    } catch (error) {
      if (!(error instanceof SwipewireError)) throw error;
      const ids = [device.vendorId, device.productId].map((id) => id.toString(16).padStart(4, "0")).join(":");
      this.#unfit.add(key);
      const failure = new ReaderProfileUnfit({ detail: `${ids}, ${error.code}` });
      this.#listener?.unfit({ name, family: profile.family }, place, failure);
      return;
    }
    this.#plugged.set(key, { device, name, transport });
    this.#listener?.found(transport, () => ({ ...place }));
  }

  /** By its serial number; by its port where it has none, or where one with the same number is here already. */
  #nameOf({ serialNumber, port }: PluggedDevice, profile: ReaderProfile): string {
    const bySerial = serialNumber !== undefined && `${profile.name}, serial number ${printable(serialNumber)}`;
    const taken = [...this.#plugged.values()].some(({ name }) => name === bySerial);
    return bySerial && !taken ? bySerial : `${profile.name}, port ${port}`;
  }

  #transportFor(
    device: PluggedDevice,
    profile: ReaderProfile,
    name: string,
    told: (asked: Asked) => void,
  ): ReaderTransport {
    const { clock, random, source, serial = (options) => new SerialTransport(options) } = this.#options;
    const { address, shownAs, reportDescriptor } = device;
    const family = familyOf(profile, device);
    const question = questionOf(profile, shownAs);
    if (shownAs === "serial") {
      const baudRate = profile.baudRate ?? FACTORY_BAUD_RATE;
      const { framing } = profile;
      const asking = framing ? { framing, told } : question && { question, told };
      return serial({ path: address, baudRate, name, family: streamed(family), clock, random, ...asking });
    }
    const codec = family === "hid-msr" ? hidMsr(reportDescriptor ?? new Uint8Array()) : readerFamilies[family];
    const speech: Speech = { codec, frames: framesOf(family, device) };
    const ask = async ({ exchange }: ReportDevice, signal: AbortSignal): Promise<Speech> => {
      const asked: Asked =
        question && exchange ? await askReader(question, exchange, clock, signal) : { outcome: "silent" };
      if (!signal.aborted) told(asked);
      if (asked.outcome !== "answered" || asked.family === family) return speech;
      return { codec: readerFamilies[asked.family], frames: framesOf(asked.family, device) };
    };
    return new ReportTransport({
      name,
      ...speech,
      ...(question && { ask }),
      open: (listener) => source.open(device, listener),
      present: async () => (await this.#scan()).some((other) => keyOf(other) === keyOf(device)),
      clock,
      random,
    });
  }
}

const keyOf = ({ address, port }: PluggedDevice) => `${port} ${address}`;

/** What a device says of itself goes into logs and onto the terminal's page. */
const printable = (text: string) => text.replace(/[^\x21-\x7e]/g, "?").slice(0, 24);

/** ID TECH sells each model with either output, under product ids that its samples do not tell apart. */
function familyOf({ family }: ReaderProfile, { shownAs }: PluggedDevice): ReaderFamily {
  return shownAs === "keyboard" && family === "idtech" ? "idtech-keyboard" : family;
}

function streamed(family: ReaderFamily): StreamFamily {
  const name = streamFamilyNames.find((name) => name === family);
  if (!name) throw new ReaderProfileUnfit({ detail: `${family} in a stream of bytes` });
  return name;
}

function framesOf(family: ReaderFamily, { shownAs, reportDescriptor }: PluggedDevice): ReportFrames {
  if (shownAs === "keyboard") return typedReports(streamed(family));
  if (shownAs === "vendor") return streamedReports(streamed(family));
  if (family === "idtech") return paddedReports(family);
  if (family !== "hid-msr" || !reportDescriptor) return wholeReports();
  const { fields, usesReportIds } = parseReportDescriptor(reportDescriptor);
  const tracks = fields.find(
    ({ kind, usages }) => kind === "input" && usages.some(({ first }) => first >>> 16 === MSR_USAGE_PAGE),
  );
  return wholeReports(usesReportIds ? tracks?.reportId : undefined);
}
