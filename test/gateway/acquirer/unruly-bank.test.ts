import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { tdesKey } from "@swipewire/protocol/crypto/tdes";
import { unionPayMac } from "@swipewire/protocol/crypto/unionpay-mac";
import { FrameReader, frame } from "@swipewire/protocol/iso8583/framing";
import { posCodecs } from "@swipewire/protocol/iso8583/pos-codecs";
import {
  asksForEcho,
  asksToSignOn,
  replyTo,
  type UnionPayFields,
  type UnionPayMessage,
} from "@swipewire/protocol/iso8583/unionpay-messages";
import { wrapWorkingKeys } from "@swipewire/protocol/iso8583/unionpay-working-keys";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type Duration, Seconds } from "@swipewire/protocol/time";
import t, { type Test } from "tap";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import {
  acquirer,
  identity,
  keyStore,
  REPLY_TIMEOUT,
  suiteDialects,
  TMK,
  until,
  withoutPin,
} from "./bank-and-acquirer.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const PIN_KEY = bytes("4567C298FB0B045DAB54BF499E10EFCD");
/** Sixteen bytes: MACs by TDES. */
const MAC_KEY = bytes("0123456789ABCDEFFEDCBA9876543210");
const workingKeys = wrapWorkingKeys(tdesKey(TMK), { pin: PIN_KEY, mac: MAC_KEY });
const mac = (covered: Uint8Array) => unionPayMac(tdesKey(MAC_KEY), covered);

const approved: UnionPayFields = { 37: "000000000001", 38: "000001" };
interface Unruly {
  readonly port: number;
  readonly requests: UnionPayMessage[];
  readonly connections: Socket[];
}

for (const dialect of suiteDialects) {
  t.test(dialect, async (t) => {
    const codec = posCodecs[dialect];
    /** A reply as it goes over the line, with its MAC. */
    const sealed = (request: UnionPayMessage, code: string, more: UnionPayFields = {}) =>
      frame(codec.build(replyTo(request, code, more), mac));

    /** A bank that signs on properly and does with every other request what the test says. */
    async function unrulyBank(
      t: Test,
      answer: (request: UnionPayMessage, socket: Socket) => Uint8Array | undefined,
      signOn: (request: UnionPayMessage, times: number) => Uint8Array | undefined = (request) =>
        frame(codec.build(replyTo(request, "00", { 62: workingKeys }))),
    ): Promise<Unruly> {
      const requests: UnionPayMessage[] = [];
      const connections: Socket[] = [];
      const server = createServer({ noDelay: true }, (socket) => {
        const reader = new FrameReader();
        connections.push(socket);
        socket.on("data", (piece) => {
          for (const message of reader.push(piece).map((wire) => codec.parse(wire))) {
            requests.push(message);
            const signOns = requests.filter(asksToSignOn).length;
            const reply = asksToSignOn(message) ? signOn(message, signOns) : answer(message, socket);
            if (reply) socket.write(reply);
          }
        });
        socket.on("error", () => {});
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      t.teardown(() => {
        for (const socket of connections) socket.destroy();
        server.close();
      });
      return { port: (server.address() as AddressInfo).port, requests, connections };
    }

    async function terminalOf(t: Test, { port }: Unruly, idleAfter: Duration = Seconds(600)) {
      const clock = new SimulatedClock();
      return { clock, acquirer: acquirer(t, clock, port, await keyStore(t), { dialect, idleAfter }) };
    }

    t.test("where settlements carry a MAC, an answer to one without is not believed", async (t) => {
      const bank = await unrulyBank(t, (request) => frame(codec.build(replyTo(request, "00"))));
      const keys = await keyStore(t);
      const line = acquirer(t, new SimulatedClock(), bank.port, keys, { dialect, settlement: { mac: true } });
      await until(() => line.ready);
      const totals = { debitAmount: 0, debitCount: 0, creditAmount: 0, creditCount: 0 };
      await t.rejects(line.settle({ trace: 1, batch: 1, currency: "CNY" }, totals), {
        code: "acquirer_outcome_unknown",
        cause: { code: "acquirer_mac_invalid" },
      });
    });

    t.test("what a bank tells of the card is overwritten as soon as its reply is read", async (t) => {
      const told = () => SensitiveBytes.copyOf(new TextEncoder().encode("5452300551227189"));
      const bank = await unrulyBank(t, (request) => sealed(request, "00", { ...approved, 2: told() }));
      const { acquirer } = await terminalOf(t, bank);
      await until(() => acquirer.ready);
      const replies: UnionPayMessage[] = [];
      const parse = codec.parse.bind(codec);
      t.capture(codec, "parse", (wire: Uint8Array) => {
        const message = parse(wire);
        if (message.mti === "0210") replies.push(message);
        return message;
      });
      t.match(await acquirer.charge(withoutPin(1)), { kind: "approved" });
      t.equal(replies.length, 1);
      t.ok(replies[0]?.fields[2]?.wiped);
    });

    t.test("an answer to a settlement needs results, or a code that says why not", async (t) => {
      const answers: UnionPayFields[] = [{}, { 39: "00" }, { 39: "12" }];
      const bank = await unrulyBank(t, (request) => {
        const { 39: _, ...fields } = replyTo(request, "00").fields;
        return frame(codec.build({ ...replyTo(request, "00"), fields: { ...fields, ...answers.shift() } }));
      });
      const keys = await keyStore(t);
      const line = acquirer(t, new SimulatedClock(), bank.port, keys, { dialect, settlement: { mac: false } });
      await until(() => line.ready);
      const settle = (trace: number) =>
        line.settle(
          { trace, batch: 1, currency: "CNY" },
          { debitAmount: 0, debitCount: 0, creditAmount: 0, creditCount: 0 },
        );
      await t.rejects(settle(1), { code: "acquirer_request_refused", message: /absent/ });
      await t.rejects(settle(2), { code: "settlement_totals_invalid" });
      await t.rejects(settle(3), { code: "acquirer_request_refused", message: /12/ });
    });

    t.test("a reply in single bytes is a reply", async (t) => {
      const bank = await unrulyBank(t, (request, socket) => {
        void (async () => {
          for (const byte of sealed(request, "00", approved)) {
            socket.write(Uint8Array.of(byte));
            await settle();
          }
        })();
        return undefined;
      });
      const { acquirer } = await terminalOf(t, bank);
      await until(() => acquirer.ready);
      t.same(await acquirer.charge(withoutPin(1_00)), {
        kind: "approved",
        approvalCode: "000001",
        retrievalReference: "000000000001",
      });
    });

    t.test("replies that cannot be trusted or understood leave the outcome unknown, with their reason", async (t) => {
      const wire = (request: UnionPayMessage, fields: UnionPayFields) =>
        frame(codec.build({ ...replyTo(request, "00"), fields }, mac));
      const cases: Record<string, [(request: UnionPayMessage) => Uint8Array, reason: string, counted?: string]> = {
        "no MAC": [(request) => frame(codec.build(replyTo(request, "00", approved))), "A0", "acquirer_mac_invalid"],
        "a refusal without a MAC": [
          (request) => frame(codec.build(replyTo(request, "55"))),
          "A0",
          "acquirer_mac_invalid",
        ],
        "an altered amount": [
          (request) => {
            const reply = sealed(request, "00", approved);
            reply[30] = (reply[30] ?? 0) ^ 1;
            return reply;
          },
          "A0",
          "acquirer_mac_invalid",
        ],
        "another amount under a right MAC": [
          (request) => wire(request, { ...replyTo(request, "00").fields, 4: "000000000001" }),
          "06",
          "acquirer_reply_mismatch",
        ],
        "no amount": [
          (request) => wire(request, { 11: request.fields[11] ?? "", 39: "00", 41: request.fields[41] ?? "" }),
          "06",
          "acquirer_reply_mismatch",
        ],
        "no response code": [
          (request) => wire(request, { 11: request.fields[11] ?? "", 41: request.fields[41] ?? "" }),
          "06",
        ],
        "a response code nobody knows": [(request) => sealed(request, "ZZ"), "06"],
        "a bank that does not know either": [(request) => sealed(request, "98"), "98"],
      };
      for (const [what, [reply, reversalReason, counted]] of Object.entries(cases)) {
        const bank = await unrulyBank(t, reply);
        const { acquirer } = await terminalOf(t, bank);
        await until(() => acquirer.ready);
        await t.rejects(acquirer.charge(withoutPin(1_00)), { code: "acquirer_outcome_unknown", reversalReason }, what);
        t.same([...acquirer.failures.keys()], counted ? [counted] : [], what);
        await acquirer.close();
      }
    });

    t.test("where refusals have no MAC, they are believed without, and approvals are not", async (t) => {
      const bare = (request: UnionPayMessage, code: string) => frame(codec.build(replyTo(request, code, approved)));
      const forged = (request: UnionPayMessage) => {
        const reply = sealed(request, "51");
        // The last of a MAC's digits or bytes.
        reply[reply.length - 1] = (reply.at(-1) ?? 0) ^ 1;
        return reply;
      };
      const answers = [
        ...["55", "96", "A0", "ZZ", "00"].map((code) => (request: UnionPayMessage) => bare(request, code)),
        forged,
        (request: UnionPayMessage) => bare(request, "25"),
        (request: UnionPayMessage) => bare(request, "00"),
        (request: UnionPayMessage) => bare(request, "12"),
      ];
      const bank = await unrulyBank(t, (request) => answers.shift()?.(request));
      const keys = await keyStore(t);
      const line = acquirer(t, new SimulatedClock(), bank.port, keys, { dialect, declinesWithoutMac: true });
      const signedOn = () => until(() => line.ready);
      const charge = () => signedOn().then(() => line.charge(withoutPin(1_00)));
      const unknown = (reversalReason: string) => ({ code: "acquirer_outcome_unknown", reversalReason });
      t.same(await charge(), { kind: "declined", responseCode: "55" });
      t.same(await charge(), { kind: "declined", responseCode: "96" });
      t.same(await charge(), { kind: "declined", responseCode: "A0" });
      await t.rejects(charge(), unknown("06"), "a code that may be an approval");
      await t.rejects(charge(), unknown("A0"), "an approval");
      await t.rejects(charge(), unknown("A0"), "a wrong MAC");
      const reverse = () => signedOn().then(() => line.reverse(withoutPin(1_00), "purchase", "98"));
      t.equal(await reverse(), "unknown");
      await t.rejects(reverse(), unknown("A0"), "what is undone");
      const original = { retrievalReference: "000000000001", batch: 1, trace: 1, bankDate: "1127" };
      await signedOn();
      t.same(await line.refund({ ...identity(1_00), original }), { kind: "declined", responseCode: "12" });
      t.equal(line.failures.get("acquirer_mac_invalid"), 3);
    });

    if (dialect === "unionpay")
      t.test("an approval is one, also where its authorisation code holds what no terminal may be sent", async (t) => {
        const bank = await unrulyBank(t, (request) => sealed(request, "00", { ...approved, 38: "A/1*2?" }));
        const { acquirer } = await terminalOf(t, bank);
        await until(() => acquirer.ready);
        t.same(await acquirer.charge(withoutPin(1_00)), { kind: "approved", retrievalReference: "000000000001" });
      });

    t.test("a reply is that of its MTI, terminal and trace, in whatever order replies come", async (t) => {
      const bank = await unrulyBank(t, (request, socket) => {
        const { 11: trace = "", 41: terminal = "" } = request.fields;
        const named = (mti: string, fields: UnionPayFields) => {
          const reply = replyTo(request, "05");
          return frame(codec.build({ ...reply, mti, fields: { ...reply.fields, ...fields } }, mac));
        };
        if (bank.requests.length < 3) return undefined;
        const [, first] = bank.requests as [UnionPayMessage, UnionPayMessage];
        for (const stray of [
          named("0410", {}),
          named("0210", { 41: terminal.replace("9", "8") }),
          named("0210", { 11: String(Number(trace) + 1).padStart(6, "0") }),
        ]) {
          socket.write(stray);
        }
        return Buffer.concat([sealed(request, "51"), sealed(first, "00", approved)]);
      });
      const { acquirer } = await terminalOf(t, bank);
      await until(() => acquirer.ready);
      const replies = await Promise.all([acquirer.charge(withoutPin(1_00)), acquirer.charge(withoutPin(2_00))]);
      t.match(replies, [{ kind: "approved" }, { kind: "declined", responseCode: "51" }]);
      t.equal(acquirer.failures.get("acquirer_reply_unmatched"), 3);
    });

    t.test("a refusal that asks to sign on is a refusal, and the terminal signs on", async (t) => {
      for (const code of ["77", "99", "A0"]) {
        const bank = await unrulyBank(t, (request) => sealed(request, code));
        const { acquirer } = await terminalOf(t, bank);
        await until(() => acquirer.ready);
        t.same(await acquirer.charge(withoutPin(1_00)), { kind: "declined", responseCode: code });
        await until(() => bank.requests.filter(asksToSignOn).length === 2 && acquirer.ready);
        await acquirer.close();
      }
    });

    t.test("a reversal that is not acknowledged has to be repeated", async (t) => {
      const answers = ["96", "A0", "12", "25"];
      const bank = await unrulyBank(t, (request) => sealed(request, answers.shift() ?? "00"));
      const { acquirer } = await terminalOf(t, bank);
      const charge = withoutPin(1_00);
      for (const code of ["acquirer_outcome_unknown", "acquirer_outcome_unknown", "acquirer_reversal_refused"]) {
        await until(() => acquirer.ready);
        await t.rejects(acquirer.reverse(charge, "purchase", "98"), { code });
      }
      await until(() => acquirer.ready);
      t.equal(await acquirer.reverse(charge, "purchase", "98"), "unknown");
      t.equal(await acquirer.reverse(charge, "purchase", "98"), "undone");
    });

    t.test("a message that cannot be understood is counted and costs only itself", async (t) => {
      const garbage = frame(bytes("DEADBEEF DEADBEEF DEADBEEF DEADBEEF DEADBEEF DEADBEEF"));
      const bank = await unrulyBank(t, (request) => Buffer.concat([garbage, sealed(request, "00", approved)]));
      const { acquirer } = await terminalOf(t, bank);
      await until(() => acquirer.ready);
      t.match(await acquirer.charge(withoutPin(1_00)), { kind: "approved" });
      t.same([...acquirer.failures], [["iso8583_digit_invalid", 1]]);
      t.equal(bank.connections.length, 1);
    });

    t.test("a message of an impossible length costs the connection: another is made, nothing is lost", async (t) => {
      for (const length of ["0000", "1001", "FFFF"]) {
        const bank = await unrulyBank(t, () => bytes(length));
        const { acquirer, clock } = await terminalOf(t, bank);
        await until(() => acquirer.ready);
        await t.rejects(acquirer.charge(withoutPin(1_00)), { code: "acquirer_outcome_unknown", reversalReason: "98" });
        t.equal(acquirer.failures.get("iso8583_frame_length"), 1);
        t.notOk(acquirer.ready);
        await clock.advance(Seconds(1));
        await until(() => acquirer.ready);
        t.equal(bank.connections.length, 2);
        await acquirer.close();
      }
    });

    t.test(
      "half a message and then nothing: the request times out, the idle line is dropped and made anew",
      async (t) => {
        const bank = await unrulyBank(t, (request) => sealed(request, "00", approved).subarray(0, 40));
        const { acquirer, clock } = await terminalOf(t, bank, Seconds(300));
        await until(() => acquirer.ready);
        const outcome = t.rejects(acquirer.charge(withoutPin(1_00)), { code: "acquirer_outcome_unknown" });
        await until(() => bank.requests.length === 2);
        await clock.advance(REPLY_TIMEOUT);
        await outcome;
        await clock.advance(Seconds(240));
        await until(() => bank.requests.some(asksForEcho));
        await clock.advance(REPLY_TIMEOUT);
        await until(() => !acquirer.ready);
        await clock.advance(Seconds(1));
        await until(() => acquirer.ready);
        t.equal(bank.connections.length, 2);
      },
    );

    t.test("a refused sign-on is tried again, less and less often", async (t) => {
      const bank = await unrulyBank(
        t,
        () => undefined,
        (request, times) => frame(codec.build(replyTo(request, times < 8 ? "97" : "00", { 62: workingKeys }))),
      );
      const clock = new SimulatedClock();
      // Chance at its most: the whole of each delay is waited.
      const random = { bytes: (length: number) => new Uint8Array(length).fill(0xff) };
      const terminal = acquirer(t, clock, bank.port, await keyStore(t), { dialect, random });
      const signOns = () => bank.requests.length;
      for (let times = 1; times < 8; times++) {
        await until(() => terminal.failures.get("acquirer_sign_on_refused") === times);
        await until(() => clock.pending === 1);
        t.notOk(terminal.ready);
        const delay = Math.min(30, 2 ** (times - 2));
        await clock.advance(Seconds(delay - 0.001));
        t.equal(signOns(), times);
        await clock.advance(Seconds(0.001));
        await until(() => signOns() === times + 1);
      }
      await until(() => terminal.ready);
    });

    t.test("a sign-on without keys, with keys under another master key, or without an answer, is none", async (t) => {
      const cases: Record<string, [(request: UnionPayMessage) => Uint8Array | undefined, code: string]> = {
        "no keys": [(request) => frame(codec.build(replyTo(request, "00"))), "acquirer_sign_on_refused"],
        "another master key": [
          (request) =>
            frame(
              codec.build(
                replyTo(request, "00", {
                  62: wrapWorkingKeys(tdesKey(new Uint8Array(16)), { pin: PIN_KEY, mac: MAC_KEY }),
                }),
              ),
            ),
          "working_keys_refused",
        ],
        "no answer": [() => undefined, "acquirer_outcome_unknown"],
      };
      for (const [what, [signOn, code]] of Object.entries(cases)) {
        const bank = await unrulyBank(t, () => undefined, signOn);
        const { acquirer, clock } = await terminalOf(t, bank);
        await until(() => bank.requests.length === 1);
        await clock.advance(what === "no answer" ? REPLY_TIMEOUT : Seconds(0));
        await until(() => acquirer.failures.get(code) === 1);
        t.notOk(acquirer.ready, what);
        await acquirer.close();
      }
    });
  });
}
