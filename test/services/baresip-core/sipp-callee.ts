import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";
import type { PayerBehaviour } from "../../gateway/voice-suite.ts";

/** Debian's place of the keys (RFC 4733, payload type 101) as captures. */
const CAPTURES = "/usr/share/sip-tester";
const KEY_PAUSE_MS = 260;
const PIN_LENGTH = 4;

/** Of a payer who picks up and hangs up, where all others type. */
export const LEAVING = "+8613800000000";

/** A UDP port nobody has at the moment. */
export async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

export type CalleeBehaviour = Exclude<PayerBehaviour, "gone"> | "registrar";

export interface RegistrarAccount {
  readonly user: string;
  readonly password: string;
}

/**
 * Starts sipp as the SIP trunk with its payers behind it; it ends with the test. A payer who types, types the last four
 * digits of the number called and `#`: none of them 0, and in ascending order, for each capture is a piece of the same
 * RTP stream, and what goes back in it is dropped as late.
 * @returns the port
 */
export async function startCallee(t: Test, behaviour: CalleeBehaviour, account?: RegistrarAccount): Promise<number> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "swipewire-sipp-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const scenario = join(folder, "scenario.xml");
  writeFileSync(scenario, behaviour === "registrar" && account ? registrar(account) : callee(behaviour));
  const arguments_ = ["-sf", scenario, "-i", "127.0.0.1", "-p", `${port}`, "-mp", `${await freePort()}`, "-nostdin"];
  const sipp = spawn("setpriv", ["--pdeathsig", "KILL", "sipp", ...arguments_], { stdio: "ignore" });
  t.teardown(async () => {
    const gone = once(sipp, "exit");
    if (sipp.exitCode === null && sipp.signalCode === null && sipp.kill("SIGKILL")) await gone;
  });
  await Promise.race([
    untilBound(port),
    once(sipp, "exit").then(([code]) => {
      throw new Error(`sipp ended with ${code}`);
    }),
  ]);
  return port;
}

/** Resolves when somebody has this UDP port: an INVITE before that would be answered by the kernel, as unreachable. */
async function untilBound(port: number): Promise<void> {
  const entry = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  while (!(await readFile("/proc/net/udp", "utf8")).includes(entry));
}

const scenario = (...steps: readonly string[]) =>
  `<?xml version="1.0"?>\n<scenario name="callee">\n${steps.join("\n")}\n</scenario>\n`;

const HEADERS = ["[last_Via:]", "[last_From:]", "[last_To:];tag=[call_number]", "[last_Call-ID:]", "[last_CSeq:]"];
const CONTACT = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>";
const send = (lines: readonly string[], body: readonly string[] = [], retransmit = "") =>
  `<send${retransmit}><![CDATA[\n${[...lines, "Content-Length: [len]", "", ...body, ""].join("\n")}\n]]></send>`;
const reply = (status: string, ...more: readonly string[]) => send([`SIP/2.0 ${status}`, ...HEADERS, ...more]);
const finalReply = (status: string, ...more: readonly string[]) =>
  send([`SIP/2.0 ${status}`, ...HEADERS, ...more], [], ' retrans="500"');
const pause = (ms: number) => `<pause milliseconds="${ms}"/>`;
const pressKey = (key: string) =>
  `<nop><action><exec play_pcap_audio="${CAPTURES}/dtmf_2833_${key}.pcap"/></action></nop>\n${pause(KEY_PAUSE_MS)}`;

const pickUp = [
  send(
    ["SIP/2.0 200 OK", ...HEADERS, CONTACT, "Content-Type: application/sdp"],
    [
      "v=0",
      "o=payer 1 1 IN IP[local_ip_type] [local_ip]",
      "s=-",
      "c=IN IP[media_ip_type] [media_ip]",
      "t=0 0",
      "m=audio [auto_media_port] RTP/AVP 0 101",
      "a=rtpmap:0 PCMU/8000",
      "a=rtpmap:101 telephone-event/8000",
      "a=fmtp:101 0-15",
    ],
    ' retrans="500"',
  ),
  '<recv request="ACK"/>',
];

const hungUp = [
  '<recv request="BYE"/>',
  send(["SIP/2.0 200 OK", ...HEADERS.map((line) => line.replace(/;tag.*/, ""))]),
];

const hangUp = [
  send(
    [
      "BYE [$contact] SIP/2.0",
      "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
      "From: <sip:payer@[local_ip]>;tag=[call_number]",
      "To:[$caller]",
      "Call-ID: [call_id]",
      "CSeq: 1 BYE",
      "Max-Forwards: 70",
    ],
    [],
    ' retrans="500"',
  ),
  '<recv response="200"/>',
];

/** What of the INVITE is needed later. */
const invited = (actions = "") => `<recv request="INVITE"><action>
<ereg regexp=".*" search_in="hdr" header="From:" check_it="true" assign_to="caller"/>
<ereg regexp="&lt;(sip:[^&gt;]*)&gt;" search_in="hdr" header="Contact:" check_it="true" assign_to="all,contact"/>
${actions}</action></recv>
<Reference variables="all,caller,contact"/>`;

const positions = Array.from({ length: PIN_LENGTH }, (_, at) => at);
const digits = Array.from({ length: 10 }, (_, digit) => digit);

/** A variable for each digit at each place of the PIN, set where the number has it. */
const findDigits = positions
  .flatMap((at) =>
    digits.map(
      (digit) =>
        `<ereg regexp="^INVITE sip:[+][0-9]*${digit}[0-9]{${PIN_LENGTH - 1 - at}}@" search_in="msg" check_it="false" assign_to="at${at}is${digit}"/>\n`,
    ),
  )
  .join("");

const typeDigits = positions.flatMap((at) => [
  ...digits.map((digit) => `<nop next="press${at}${digit}" test="at${at}is${digit}"/>`),
  ...digits.flatMap((digit) => [`<label id="press${at}${digit}"/>`, pressKey(`${digit}`), `<nop next="after${at}"/>`]),
  `<label id="after${at}"/>`,
]);

function callee(behaviour: CalleeBehaviour): string {
  const rings = [invited(), reply("180 Ringing", CONTACT), pause(100)];
  switch (behaviour) {
    case "busy":
      return scenario(invited(), finalReply("486 Busy Here"), '<recv request="ACK"/>');
    case "rings":
      return scenario(
        ...rings,
        '<recv request="CANCEL"/>',
        send(["SIP/2.0 200 OK", ...HEADERS]),
        finalReply("487 Request Terminated").replace("[last_CSeq:]", "CSeq: [cseq] INVITE"),
        '<recv request="ACK"/>',
      );
    case "listens":
      return scenario(...rings, ...pickUp, ...hungUp);
    case "hangs-up":
      return scenario(...rings, ...pickUp, pause(200), ...hangUp);
    case "hangs-up-midway":
      return scenario(...rings, ...pickUp, pause(200), pressKey("1"), pressKey("3"), ...hangUp);
    default:
      return scenario(
        invited(
          `${findDigits}<ereg regexp="${LEAVING.slice(1)}@" search_in="msg" check_it="false" assign_to="leaves"/>`,
        ),
        reply("180 Ringing", CONTACT),
        pause(100),
        ...pickUp,
        pause(300),
        '<nop next="leave" test="leaves"/>',
        ...typeDigits,
        pressKey("pound"),
        ...hungUp,
        '<nop next="over"/>',
        '<label id="leave"/>',
        ...hangUp,
        '<label id="over"/>',
        pause(1),
      );
  }
}

/** Takes a registration with the right digest (RFC 8760, RFC 3261 22.4) and refuses any other. */
function registrar({ user, password }: RegistrarAccount): string {
  return scenario(
    '<recv request="REGISTER"/>',
    reply("401 Unauthorized", 'WWW-Authenticate: Digest realm="trunk", nonce="5d3c0a94", algorithm=MD5'),
    `<recv request="REGISTER"><action>
<verifyauth assign_to="right" username="${user}" password="${password}"/></action></recv>
<nop next="taken" test="right"/>`,
    reply("403 Forbidden"),
    '<nop next="end"/>',
    '<label id="taken"/>',
    reply("200 OK", "Contact: <sip:[local_ip]>;expires=600"),
    '<label id="end"/>',
    pause(1),
  );
}
