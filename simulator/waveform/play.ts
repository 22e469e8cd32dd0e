import { spawn } from "node:child_process";
import { SoundNotPlayed } from "../errors.ts";

/**
 * Plays a WAV file by ALSA's `aplay`.
 * @param output a PCM of ALSA: `hw:CARD=…`, or `pulse:<sink>` for one of PulseAudio's
 * @throws SoundNotPlayed
 */
export async function playWav(output: string, wav: Uint8Array): Promise<void> {
  const player = spawn("aplay", ["-q", "-D", output, "-"], { stdio: ["pipe", "ignore", "pipe"] });
  let words = "";
  player.stderr.setEncoding("utf8").on("data", (text: string) => {
    words += text;
  });
  // The pipe breaks when aplay dies; its exit tells.
  player.stdin.on("error", () => {});
  player.stdin.end(wav);
  await new Promise<void>((resolve, reject) => {
    player.once("error", (cause) => reject(new SoundNotPlayed({ detail: "aplay is not installed", cause })));
    player.once("close", (status) => {
      if (status === 0) resolve();
      else reject(new SoundNotPlayed({ detail: words.trim().split("\n").at(-1) ?? `exit status ${status}` }));
    });
  });
}
