import * as daemonErrors from "@swipewire/daemon/errors";
import { orderRefusal, problemOf } from "@swipewire/daemon/session/gateway-words";
import * as protocolErrors from "@swipewire/protocol/errors";
import { SessionView } from "@swipewire/protocol/messages/local-session";
import { checker } from "@swipewire/protocol/messages/parse";
import t from "tap";

const checkView = checker(SessionView);
const view = { step: "idle", reader: { connected: false }, gateway: true };

t.test("the words of every failure that can reach a payer fit the page", async (t) => {
  for (const failure of [...Object.values(protocolErrors), ...Object.values(daemonErrors)]) {
    t.doesNotThrow(() => checkView({ ...view, problem: problemOf(failure) }), failure.code);
  }
});

t.test("every refusal of the gateway has words, known or not", async (t) => {
  for (const code of ["order_code_unknown", "order_code_locked", "some_code_of_tomorrow"]) {
    const problem = orderRefusal(code);
    t.equal(problem.code, code);
    t.doesNotThrow(() => checkView({ ...view, problem }));
  }
});
