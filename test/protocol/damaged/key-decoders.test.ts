import { survives } from "./damaged-decoder.ts";
import { keyDecoders } from "./key-decoders.ts";

for (const decoder of keyDecoders) survives(decoder);
