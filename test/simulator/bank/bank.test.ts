import { frame } from "@swipewire/protocol/iso8583/framing";
import {
  echoRequest,
  macIsRight,
  signOffRequest,
  signOnRequest,
  type UnionPayMessage,
  unionPayCodec,
} from "@swipewire/protocol/iso8583/unionpay-messages";
import { reversalRequest } from "@swipewire/protocol/iso8583/unionpay-transactions";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { Seconds } from "@swipewire/protocol/time";
import { amountRules, HELD, LATE } from "@swipewire/simulator/bank/amount-rules";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { bank, credit, identity, pos, purchase, Terminal, withFields, without } from "./test-terminal.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

t.test("gives out fresh working keys with every sign-on, and answers from the other side with the time", async (t) => {
  const terminal = await Terminal.connect(t, await bank(t));
  const first = await terminal.ask(signOnRequest(pos, 1));
  const second = await terminal.ask(signOnRequest(pos, 2));
  t.equal(first.tpdu, "6000010003");
  // 12:00 UTC is 20:00 in Beijing.
  t.match(first.fields, { 11: "000001", 12: "200000", 13: "1101", 39: "00", 41: pos.terminal });
  t.notSame(first.fields[62], second.fields[62]);
  t.match(await terminal.ask(echoRequest(pos, 3)), { mti: "0830", fields: { 11: "000003", 39: "00" } });
});

t.test("refuses a request before the sign-on, and one whose MAC is wrong, and charges nothing", async (t) => {
  const host = await bank(t);
  const stranger = await Terminal.connect(t, host);
  t.equal(await stranger.code(purchase("credit", 1_00)), "A0");
  const terminal = await Terminal.signedOn(t, host);
  const wire = frame(unionPayCodec.build(purchase("credit", 1_00), terminal.mac));
  wire[30] = (wire[30] ?? 0) ^ 1;
  terminal.socket.write(wire);
  t.equal((await terminal.reply()).fields[39], "A0");
  t.equal(host.failures.get("bank_mac_invalid"), 2);
  t.equal(host.books.totalCharged, 0);
});

t.test("compares the PIN, blocks the card after three wrong ones, and refuses a block it cannot read", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  t.equal(await terminal.code(purchase("debit", 1_00, terminal.pinBlock("123456"))), "00");
  t.equal(await terminal.code(purchase("debit", 1_00, new Uint8Array(8))), "99");
  t.equal(await terminal.code(purchase("debit", 1_00)), "55", "a card that demands a PIN, without one");
  t.equal(await terminal.code(purchase("credit", 1_00, terminal.pinBlock("123456", credit.pan))), "55");
  for (let wrong = 0; wrong < 3; wrong++) {
    t.equal(await terminal.code(purchase("debit", 1_00, terminal.pinBlock("12345"))), "55");
  }
  t.equal(await terminal.code(purchase("debit", 1_00, terminal.pinBlock("123456"))), "75");
  t.equal(host.books.charged("debit"), 1_00);
});

t.test("refuses a card it did not issue, and requests that do not hold together", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const good = () => purchase("credit", 1_00);
  const unknown = SensitiveBytes.copyOf(ascii("4111111111111111=29122011234567890"));
  const separatorless = SensitiveBytes.copyOf(ascii("4111111111111111"));
  const cases: Record<string, [UnionPayMessage, string]> = {
    "a card of another bank": [withFields(good(), { 35: unknown }), "14"],
    "a track without a separator": [withFields(good(), { 35: separatorless }), "14"],
    "no track": [without(good(), 35), "30"],
    "no amount": [without(good(), 4), "30"],
    "an amount of nothing": [withFields(good(), { 4: "000000000000" }), "13"],
    "a PIN announced and none there": [withFields(good(), { 22: "021" }), "30"],
    "a PIN block without its announcement": [withFields(good(), { 52: new SensitiveBytes(new Uint8Array(8)) }), "30"],
    "another processing code": [withFields(good(), { 3: "310000" }), "40"],
    "another currency": [withFields(good(), { 49: "840" }), "40"],
    "another transaction type": [withFields(good(), { 60: "23000001000" }), "40"],
  };
  for (const [what, [message, code]] of Object.entries(cases)) t.equal(await terminal.code(message), code, what);
  t.equal(host.books.totalCharged, 0);
});

t.test("answers by the amount as its table says", async (t) => {
  const clock = new SimulatedClock();
  const host = await bank(t, clock);
  for (const [ending, rule] of Object.entries(amountRules)) {
    const terminal = await Terminal.signedOn(t, host);
    const before = host.books.totalCharged;
    const amount = 20_00 + Number(ending);
    const request = purchase("credit", amount);
    if (rule.kind === "decline") {
      t.equal(await terminal.code(request), rule.responseCode, ending);
      t.equal(host.books.totalCharged, before, ending);
      continue;
    }
    terminal.send(request);
    const posts = rule.kind === "approve";
    // The echo's answer comes after whatever the purchase got.
    if (posts && rule.reply === "hang-up") {
      await new Promise((resolve) => terminal.socket.once("close", resolve));
    } else {
      terminal.send(echoRequest(pos, 9));
      while (!terminal.replies.some(({ message }) => message.mti === "0830")) await settle();
    }
    t.equal(host.books.totalCharged, before + (posts ? amount : 0), ending);
    const answered = () => terminal.replies.filter(({ message }) => message.mti === "0210");
    if (rule.kind === "hold") {
      await clock.advance(HELD);
      while (answered().length === 0) await settle();
      t.equal(host.books.totalCharged, before + amount, ending);
      continue;
    }
    if (posts && (rule.reply === "twice" || rule.reply === "wrong-amount")) {
      const amounts = answered().map(({ message }) => Number(message.fields[4]));
      t.same(amounts, rule.reply === "twice" ? [amount, amount] : [amount + 1], ending);
      continue;
    }
    if (posts && rule.reply === "wrong-mac") {
      const [answer] = answered();
      t.equal(answer && macIsRight(answer.bytes, answer.message, terminal.mac), false);
    } else {
      t.same(answered(), [], ending);
    }
    if (posts && rule.reply === "late") {
      await clock.advance(LATE);
      while (answered().length === 0) await settle();
    }
  }
  const terminal = await Terminal.signedOn(t, host);
  t.match(await terminal.ask(purchase("credit", 12_34)), {
    fields: { 4: "000000001234", 37: /^\d{12}$/, 38: /^\d{6}$/, 39: "00", 49: "156" },
  });
});

t.test("answers a repeated purchase alike and charges it once; another amount is a duplicate", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const as = identity(3_00);
  const first = await terminal.ask(purchase("credit", 3_00, undefined, as));
  const again = await terminal.ask(purchase("credit", 3_00, undefined, as));
  t.same([again.fields[37], again.fields[38], again.fields[39]], [first.fields[37], first.fields[38], "00"]);
  t.equal(await terminal.code(purchase("credit", 4_00, undefined, { ...as, amount: 4_00 })), "94");
  t.equal(await terminal.code(purchase("credit", 3_00, undefined, { ...as, batch: 2 })), "00", "another batch");
  t.equal(host.books.charged("credit"), 6_00);
});

t.test("a reversal undoes its purchase for good, and no other", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const as = identity(3_00);
  const other = identity(5_00);
  await terminal.ask(purchase("credit", 3_00, undefined, as));
  await terminal.ask(purchase("credit", 5_00, undefined, other));
  t.equal(
    await terminal.code(reversalRequest(pos, "purchase", { ...as, amount: 2_00 }, "98")),
    "13",
    "of another amount",
  );
  t.equal(host.books.totalCharged, 8_00);
  t.equal(await terminal.code(reversalRequest(pos, "purchase", as, "98")), "00");
  t.equal(await terminal.code(reversalRequest(pos, "purchase", as, "98")), "00", "again");
  t.equal(host.books.totalCharged, 5_00);
  t.equal(await terminal.code(purchase("credit", 3_00, undefined, as)), "12", "the purchase once more");
  const declined = identity(10_51);
  await terminal.ask(purchase("credit", 10_51, undefined, declined));
  t.equal(await terminal.code(reversalRequest(pos, "purchase", declined, "98")), "00", "of a declined one");
  t.equal(await terminal.code(without(reversalRequest(pos, "purchase", as, "98"), 4)), "30");
  t.equal(host.books.totalCharged, 5_00);
});

t.test("a reversal that comes before its purchase keeps that from being charged", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const as = identity(3_00);
  t.equal(await terminal.code(reversalRequest(pos, "purchase", as, "98")), "25");
  t.equal(await terminal.code(purchase("credit", 3_00, undefined, as)), "12");
  t.equal(host.books.totalCharged, 0);
  t.match(host.books.journal, [
    { kind: "reversal", responseCode: "25", amount: 3_00 },
    { kind: "purchase", responseCode: "12", amount: 3_00 },
  ]);
});

t.test("after a sign-off nothing is taken until the next sign-on", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  t.match(await terminal.ask(signOffRequest(pos, 2)), { mti: "0830", fields: { 39: "00" } });
  terminal.send(purchase("credit", 1_00));
  // The refusal carries no MAC, since the bank has no key for it any more.
  terminal.keys = undefined;
  t.equal((await terminal.reply()).fields[39], "A0");
  t.equal(host.books.totalCharged, 0);
});

t.test("the books outlive the bank", async (t) => {
  const clock = new SimulatedClock();
  const killed = await bank(t, clock);
  const terminal = await Terminal.signedOn(t, killed);
  const as = identity(20_68);
  terminal.send(purchase("credit", 20_68, undefined, as));
  await terminal.ask(echoRequest(pos, 9));
  terminal.send(purchase("credit", 20_69));
  await terminal.ask(echoRequest(pos, 10));
  const { port, books } = killed;
  await killed.close();
  t.equal(clock.pending, 0, "no late answer is left behind");

  await clock.advance(Seconds(1));
  const restarted = await bank(t, clock, { port, books, random: seededRandom(4) });
  t.equal(restarted.books.charged("credit"), 41_37);
  const stale = await Terminal.connect(t, restarted);
  t.equal(await stale.code(reversalRequest(pos, "purchase", as, "98")), "A0", "keys do not outlive it");
  const again = await Terminal.signedOn(t, restarted);
  t.equal(await again.code(reversalRequest(pos, "purchase", as, "98")), "00");
  t.equal(restarted.books.charged("credit"), 20_69);
});

t.test("what is no message costs the message; what is no frame costs the connection; others go on", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const other = await Terminal.signedOn(t, host);
  // Both are the same terminal to the bank: the later sign-on's keys hold.
  terminal.keys = other.keys;
  terminal.socket.write(frame(new Uint8Array(40).fill(0xfa)));
  terminal.send({ ...echoRequest(pos, 5), mti: "0600" });
  t.equal((await terminal.ask(echoRequest(pos, 6))).fields[11], "000006");
  t.same([...host.failures].sort(), [
    ["bank_message_unsupported", 1],
    ["iso8583_digit_invalid", 1],
  ]);
  terminal.socket.write(Uint8Array.of(0xff, 0xff));
  await new Promise((resolve) => terminal.socket.once("close", resolve));
  t.equal(host.failures.get("iso8583_frame_length"), 1);
  t.equal(await other.code(purchase("credit", 1_00)), "00");
});

t.test("says so when its port is taken", async (t) => {
  const host = await bank(t);
  await t.rejects(bank(t, new SimulatedClock(), { port: host.port }), { code: "bank_not_listening" });
});
