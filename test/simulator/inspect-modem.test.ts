import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeModemMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { framesAsText, inspectModem } from "@swipewire/simulator/inspect/modem-recording";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { modemSignal } from "@swipewire/simulator/waveform/modem-signal";
import { interleave } from "@swipewire/simulator/waveform/swipe-signal";
import t from "tap";

const SIM = join(import.meta.dirname, "../../simulator/bin/swipewire-sim.js");
const LINE = { sampleRate: 44_100, baud: 2400 } as const;

t.test("the command line writes a frame into a recording and reads it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const wav = join(folder, "frame.wav");
  const sim = (...args: string[]) => spawnSync(process.execPath, [SIM, ...args], { encoding: "utf8" });
  const written = sim("modem", "--audio", wav, "--rate", "16000", "--pin", "--clock", "500", "--snr", "5");
  t.equal(written.status, 0, written.stderr);
  const { status, stdout } = sim("inspect", "--wav", wav, "--modem", "1200", "--json");
  t.equal(status, 0);
  const { frames } = JSON.parse(stdout);
  t.match(frames, [{ message: { type: "reader-frame" }, inspection: { ok: true, profile: "idtech" } }]);
  t.equal(frames.length, 1);
  t.notMatch(stdout, "6224242300000069");
  t.equal(sim("inspect", "--wav", wav, "--modem", "2400").status, 1, "at another rate there is no frame");
});

t.test("frames of host and reader on two channels are told in their order, broken ones with what to do", async (t) => {
  const signal = (message: Parameters<typeof encodeModemMessage>[0], before: number) => {
    const { messageKind, payload } = encodeModemMessage(message);
    return modemSignal(messageKind, payload, { ...LINE, before, line: { snr: 20 } }, new Dice(before));
  };
  const left = signal({ type: "arm", sequence: 5, seconds: 30 }, 0.1);
  const right = signal({ type: "armed", sequence: 5, seconds: 30 }, 0.5);
  const cut = signal({ type: "identity", sequence: 5, model: "m".repeat(60), serial: "s", firmware: "f" }, 0.1);
  const recording = { sampleRate: LINE.sampleRate, channels: 2, samples: interleave(left, right) };
  const frames = inspectModem(recording, LINE.baud);
  t.match(frames, [
    { channel: 0, message: { type: "arm", seconds: 30 } },
    { channel: 1, message: { type: "armed" } },
  ]);
  t.equal(frames.length, 2);
  t.match(framesAsText(frames), /: type arm, sequence 5, seconds 30\n/);
  const broken = inspectModem({ ...recording, channels: 1, samples: cut.subarray(0, 10_000) }, LINE.baud);
  t.match(framesAsText(broken), /modem_frame_cut: .*\n {2}Push the plug in whole/);
  t.equal(
    framesAsText(inspectModem({ ...recording, samples: new Float32Array(8000) }, LINE.baud)),
    "no frame was heard\n",
  );
});
