import { survives } from "./damaged-decoder.ts";
import { messageDecoders } from "./message-decoders.ts";

for (const decoder of messageDecoders) survives(decoder);
