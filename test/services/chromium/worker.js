import { WaveformDecoder } from "/protocol/waveform/waveform-decoder.ts";
import { told } from "/told.ts";

addEventListener("message", ({ data: { samples, ...format } }) => {
  const decoder = new WaveformDecoder(format);
  postMessage(told([...decoder.push(samples), ...decoder.flush()]));
});
