import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startDaemon } from "@swipewire/daemon/daemon";
import { withBuiltIn } from "@swipewire/daemon/readers/profile-match";
import { ReaderRegistry } from "@swipewire/daemon/readers/reader-registry";
import { type Identity, saveIdentity } from "@swipewire/daemon/state/identity";
import { wipeSwipe } from "@swipewire/protocol/card/swipe";
import { openSealedSwipe } from "@swipewire/protocol/envelope/open";
import { signSealingKeys } from "@swipewire/protocol/envelope/sealing-keys";
import { randomUuid } from "@swipewire/protocol/random";
import type { ReaderProfile } from "@swipewire/protocol/readers/profiles";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { Hours, Millis, Minutes, Seconds, sleep } from "@swipewire/protocol/time";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { type CryptoKey, compactDecrypt, exportJWK, generateKeyPair } from "jose";
import { pino } from "pino";
import { signWith } from "../ed25519.ts";
import { seededRandom } from "../seeded-random.ts";
import { SimulatedClock, settle } from "../simulated-clock.ts";
import { SimulatedHost } from "../simulator/script/simulated-host.ts";
import { Centre } from "./centre.ts";
import { lineThrough } from "./least-squares.ts";
import { Payers } from "./payers.ts";
import { ReaderStand } from "./reader-stand.ts";
import { RealWork } from "./real-work.ts";

/** `npm run soak -- --hours H --seed S`: a daemon's life in simulated time, and whether its memory grows with it. */
const { values } = parseArgs({
  options: { hours: { type: "string", default: "72" }, seed: { type: "string", default: "1" } },
});
const hours = Number(values.hours);
const seed = Number(values.seed);
const collectGarbage = globalThis.gc;
if (!collectGarbage) throw new Error("node wants --expose-gc: npm run soak");

const SWIPES = Math.round((hours * 10_000) / 72);
const UNPLUGS = Math.round((hours * 500) / 72);
const SAMPLES = 36;
/** Until then functions are compiled for the first time, and tables fill that have their limits. */
const WARM_UP = SAMPLES / 3;
/**
 * KB an hour. One is 9 MB a year; 60 bytes kept for each swipe make it 8, a reader's transport for each unplug 7 or more. In
 * a shorter life rare code that runs for the first time weighs more.
 */
const MOST_GROWTH = Math.max(1, 72 / hours);
/** The search for readers, its looks after a plug, keys, the payer's limits, a reader's second try. */
const MOST_QUIET_TIMERS = 10;

// One slab of it more or less would outweigh everything else.
Buffer.poolSize = 0;

const clock = new SimulatedClock();
const random = seededRandom(seed);
const dice = new Dice(seed);
const work = new RealWork();
const stateDir = mkdtempSync(join(tmpdir(), "swipewire-soak-"));

const terminal = randomUuid(random);
const signing = await generateKeyPair("Ed25519", { extractable: true });
const sealing = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
const gatewaySigning = await generateKeyPair("Ed25519", { extractable: true });
const publicOf = async (key: CryptoKey) => (await exportJWK(key)).x ?? "";
const signingKey = { kty: "OKP", crv: "Ed25519", x: await publicOf(signing.publicKey) } as const;
const sealingKeys = [{ kty: "OKP", crv: "X25519", x: await publicOf(sealing.publicKey), kid: "1" } as const];
const identity: Identity = {
  terminal,
  mqtt: { url: "mqtt://nowhere", username: terminal, password: "mqtt-password-0123456789" },
  sealingKeys,
  gatewayKey: { kty: "OKP", crv: "Ed25519", x: await publicOf(gatewaySigning.publicKey), kid: "1" },
  signingKey: { ...signingKey, d: (await exportJWK(signing.privateKey)).d ?? "" },
};
await saveIdentity(stateDir, identity);

const centre = new Centre({
  terminal,
  open: async (sealed) => {
    const { swipe } = await openSealedSwipe(
      sealed,
      async (jwe) => new SensitiveBytes((await compactDecrypt(jwe, sealing.privateKey)).plaintext),
      signingKey,
    );
    wipeSwipe(swipe);
  },
  keys: (question) => signSealingKeys(question, sealingKeys, signWith(gatewaySigning.privateKey)),
  work,
  clock,
  random,
});

let swipes = 0;
const codes = new Map<string, number>();
const logger = pino(
  {},
  {
    write(line: string) {
      const { event, code } = JSON.parse(line);
      if (event === "swiped") swipes++;
      if (code) codes.set(code, (codes.get(code) ?? 0) + 1);
    },
  },
);

const host = new SimulatedHost();
const lineReader = { name: "line reader", vendorId: "1209", productId: "0002", shownAs: "serial", family: "ascii" };
const native = { name: "native reader", vendorId: "1209", productId: "0003", framing: "native" } as const;
const vendorReader = (productId: string): ReaderProfile => ({
  name: `vendor's reader ${productId}`,
  vendorId: "1209",
  productId,
  shownAs: "vendor",
  family: "idtech",
  quirks: [],
});
const daemon = await startDaemon({
  config: { stateDir, log: { level: "info" }, localApi: { port: 0, allowedOrigins: [] }, readers: [], profiles: [] },
  identity,
  transports: [],
  finder: new ReaderRegistry({
    source: host,
    profiles: withBuiltIn([
      { ...lineReader, shownAs: "serial", family: "ascii", quirks: [] },
      { ...native, shownAs: "serial", family: "idtech", quirks: [] },
      ...["0004", "0005"].map((productId) => vendorReader(productId)),
    ]),
    serial: host.serial.bind(host),
    clock,
    random,
    logger,
  }),
  link: () => centre,
  clock,
  random,
  logger,
});
const stand = new ReaderStand({ host, clock, dice });
const payers = new Payers({ session: daemon.session, stand, centre, work, clock, dice });

interface Sample {
  readonly hour: number;
  readonly swipes: number;
  readonly unplugs: number;
  /** KB of JavaScript, with its buffers. */
  readonly heap: number;
  /** KB that V8 holds for what it has and for what is to come. */
  readonly reserved: number;
  /** KB of this process that are no file's. */
  readonly anonymous: number;
  readonly timers: number;
  readonly handles: number;
}
const samples: Sample[] = [];

/** The page is loaded anew, looks at everything, and is closed. */
async function lookAtPage(): Promise<void> {
  const { url, pairingToken } = daemon.localApi;
  const status = await fetch(`${url}/v1/status`, { headers: { authorization: `Bearer ${pairingToken}` } });
  await status.json();
  // Node keeps one for each.
  performance.clearResourceTimings();
  const events = new WebSocket(`${url.replace("http", "ws")}/v1/events`, [
    "swipewire.v1",
    `swipewire.token.${pairingToken}`,
  ]);
  await new Promise((resolve) => events.addEventListener("message", resolve, { once: true }));
  events.close();
  await new Promise((resolve) => events.addEventListener("close", resolve, { once: true }));
}

async function sample(hour: number): Promise<void> {
  await lookAtPage();
  for (let turn = 0; turn < 2; turn++) {
    await settle();
    // The plain one leaves what V8 keeps in case it is wanted again.
    collectGarbage?.({ type: "major", execution: "sync", flavor: "last-resort" });
  }
  const { heapUsed, heapTotal, external } = process.memoryUsage();
  const anonymous = Number(/RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "latin1"))?.[1]);
  const handles = process.getActiveResourcesInfo().filter((kind) => !/Immediate|Timeout/.test(kind)).length;
  samples.push({
    hour,
    swipes,
    unplugs: stand.unplugs,
    heap: (heapUsed + external) / 1024,
    reserved: heapTotal / 1024,
    anonymous,
    timers: clock.pending,
    handles,
  });
}

async function live(): Promise<void> {
  const start = clock.now();
  const hour = () => (clock.now() - start) / Hours(1);
  await stand.plugAny();
  await sleep(clock, Seconds(5));
  for (let visits = 0; swipes < SWIPES || hour() < hours; visits++) {
    if (hour() >= ((samples.length + 1) * hours) / SAMPLES) {
      await payers.quiet();
      await work.hold(sample(hour()));
    }
    if (swipes < SWIPES) await payers.visit(stand.unplugs < (swipes / SWIPES) * UNPLUGS);
    await stand.plugAny();
    const due = start + ((swipes + 1) * Hours(hours)) / (SWIPES + 1);
    await sleep(clock, Millis(Math.max(100, due - clock.now())));
    // Whoever left a session behind: the next payer finds it idle.
    await payers.quiet();
    if (visits > SWIPES * 2) throw new Error("too few visits come to a swipe");
  }
}

let over = false;
const life = live().finally(() => {
  over = true;
});
life.catch(() => {});
while (!over) {
  await clock.advance(Seconds(5));
  await work.done();
}
await life;
await daemon.close();
await clock.advance(Minutes(10));
rmSync(stateDir, { recursive: true });

const say = (line: string) => process.stdout.write(`${line}\n`);
const row = (...cells: (string | number)[]) => say(cells.map((cell) => String(cell).padStart(10)).join(""));
row("hour", "swipes", "unplugs", "heap KB", "V8 KB", "anon KB", "timers", "handles");
for (const [at, each] of samples.entries()) {
  if (at % 3 !== 2) continue;
  const { hour, heap, reserved, anonymous, timers, handles } = each;
  row(hour.toFixed(2), each.swipes, each.unplugs, heap.toFixed(0), reserved.toFixed(0), anonymous, timers, handles);
}
say(`${swipes} swipes in sessions, ${centre.opened} opened by the gateway, ${stand.unplugs} unplugs, seed ${seed}`);
say([...codes].map(([code, count]) => `${code} ${count}`).join(", "));

const settled = samples.slice(WARM_UP);
const failures: string[] = [];
for (const [what, of] of [
  ["heap", ({ heap }: Sample) => heap],
  ["anonymous", ({ anonymous }: Sample) => anonymous],
] as const) {
  const { slope, standardError } = lineThrough(settled.map((each) => [each.hour, of(each)]));
  const perSwipes = lineThrough(settled.map((each) => [each.swipes / 1000, of(each)]));
  say(
    `${what}: ${slope.toFixed(2)} ± ${standardError.toFixed(2)} KB an hour, ` +
      `${perSwipes.slope.toFixed(2)} ± ${perSwipes.standardError.toFixed(2)} KB a thousand swipes (standard error)`,
  );
  if (what === "heap" && slope - 2 * standardError > MOST_GROWTH) failures.push(`${what} grows`);
}
const timers = Math.max(...samples.map((each) => each.timers));
if (timers > MOST_QUIET_TIMERS) failures.push(`${timers} timers wait while nothing is under way`);
if (clock.pending > 0) failures.push(`${clock.pending} timers outlive the daemon`);
for (const failure of failures) say(`FAIL ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;
