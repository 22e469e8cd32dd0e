import { cardDecoders } from "./card-decoders.ts";
import { survives } from "./damaged-decoder.ts";

for (const decoder of cardDecoders) survives(decoder);
