import type { WaveformEvent } from "@swipewire/protocol/waveform/waveform-event";

/** Events in a form that can be sent and compared. */
export const told = (events: readonly WaveformEvent[]) =>
  events.map((event) =>
    event.kind === "failure"
      ? { ...event, failure: event.failure.name }
      : {
          ...event,
          tracks: event.tracks.map(({ data, residual, ...track }) => ({
            ...track,
            residual: residual.toFixed(9),
            text: data.use((bytes) => String.fromCharCode(...bytes)),
          })),
        },
  );
