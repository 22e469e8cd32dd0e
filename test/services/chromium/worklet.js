import { WaveformDecoder } from "/protocol/waveform/waveform-decoder.ts";
import { told } from "/told.ts";

/** The decoder where a browser hands out live samples: in pieces of 128 frames, on the thread that renders sound. */
class Decoding extends AudioWorkletProcessor {
  #events = [];

  constructor({ processorOptions }) {
    super();
    this.left = processorOptions.frames;
    this.decoder = new WaveformDecoder(processorOptions);
  }

  process([channels]) {
    const frames = Math.min(this.left, channels[0]?.length ?? 0);
    const piece = new Float32Array(frames * channels.length);
    for (const [n, samples] of channels.entries()) {
      for (let at = 0; at < frames; at++) piece[at * channels.length + n] = samples[at];
    }
    this.#events.push(...this.decoder.push(piece));
    this.left -= frames;
    if (this.left > 0) return true;
    this.port.postMessage(told([...this.#events, ...this.decoder.flush()]));
    return false;
  }
}

registerProcessor("decoding", Decoding);
