/** The prompts a call can play: asking for the PIN, and saying that the one before was wrong and asking again. */
export const PROMPTS = ["enter-pin", "wrong-pin"] as const;
export type Prompt = (typeof PROMPTS)[number];

export type CallEndCause = "hangup" | "busy" | "no-answer" | "unreachable" | "failed";

export type CallEvent =
  | { readonly kind: "ringing" }
  | { readonly kind: "answered" }
  /** One DTMF key as its ASCII byte: 0 to 9, `*`, `#`. A number, since a digit of a PIN may not become a string. */
  | { readonly kind: "key"; readonly key: number }
  /** Always the last event, once. */
  | { readonly kind: "ended"; readonly cause: CallEndCause };

export interface Call {
  /** Ends the call; `ended` follows. May be called again. */
  hangup(): void;
}

/** A way to phone the payer. */
export interface VoiceChannel {
  /** Never throws: what goes wrong arrives as `ended`. Events begin after the call returned. */
  call(to: string, prompt: Prompt, on: (event: CallEvent) => void): Call;
  close(): Promise<void>;
}
