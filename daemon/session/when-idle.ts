import type { SessionView } from "@swipewire/protocol/messages/local-session";

/** Resolves when nobody is at the terminal. */
export function whenIdle(session: {
  view(): SessionView;
  onChange(listener: (view: SessionView) => void): () => void;
}): Promise<void> {
  return new Promise((resolve) => {
    let end = () => {};
    const look = ({ step }: SessionView) => {
      if (step !== "idle") return;
      end();
      resolve();
    };
    end = session.onChange(look);
    look(session.view());
  });
}
