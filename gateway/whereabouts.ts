import { SwipewireError } from "@swipewire/protocol/failure";

/**
 * What may be logged of any error. A foreign one's message, or its cause's, may quote what it choked on: only its kind
 * and its places in the code are told.
 */
export function whereabouts(error: unknown): { readonly kind: string; readonly at?: readonly string[] } {
  if (!(error instanceof Error)) return { kind: typeof error };
  // Our own say by their code where they come from.
  if (error instanceof SwipewireError) return { kind: error.name };
  const lines = error.stack?.slice(`${error}`.length).split("\n") ?? [];
  return { kind: error.name, at: lines.map((line) => line.trim()).filter((line) => line.startsWith("at ")) };
}
