import { bankDecoders } from "./bank-decoders.ts";
import { survives } from "./damaged-decoder.ts";

for (const decoder of bankDecoders) survives(decoder);
