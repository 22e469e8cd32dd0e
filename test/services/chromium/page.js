/** Resolves with what a worker or a worklet says. */
const reply = (from, target = from) =>
  new Promise((resolve, reject) => {
    from.onmessage = ({ data }) => resolve(data);
    target.onerror = ({ message }) => reject(new Error(message));
    target.onprocessorerror = ({ message }) => reject(new Error(message));
  });

/** The whole recording at once, as a page has it that was given a file. */
async function inWorker({ sampleRate, channels, samples }) {
  const worker = new Worker("/worker.js", { type: "module" });
  const said = reply(worker);
  worker.postMessage({ sampleRate, channels, samples: Float32Array.from(samples) });
  return said;
}

/** As live sound, but as fast as it goes. */
async function inWorklet({ sampleRate, channels, samples }) {
  const frames = samples.length / channels;
  const context = new OfflineAudioContext(channels, Math.ceil(frames / 128 + 1) * 128, sampleRate);
  await context.audioWorklet.addModule("/worklet.js");
  const sound = context.createBuffer(channels, frames, sampleRate);
  for (let channel = 0; channel < channels; channel++) {
    const own = sound.getChannelData(channel);
    for (let at = 0; at < frames; at++) own[at] = samples[at * channels + channel];
  }
  const source = new AudioBufferSourceNode(context, { buffer: sound });
  const options = { channelCount: channels, channelCountMode: "explicit" };
  const decoding = new AudioWorkletNode(context, "decoding", {
    ...options,
    processorOptions: { sampleRate, channels, frames },
  });
  const said = reply(decoding.port, decoding);
  source.connect(decoding).connect(context.destination);
  source.start();
  await context.startRendering();
  return said;
}

async function decodeAll() {
  const results = [];
  for (const recording of await (await fetch("/recordings")).json()) {
    results.push({ worker: await inWorker(recording), worklet: await inWorklet(recording) });
  }
  return { results };
}

const answer = await decodeAll().catch((error) => ({ error: `${error.stack}` }));
await fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
