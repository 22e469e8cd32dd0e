import { commandDecoders } from "./command-decoders.ts";
import { survives } from "./damaged-decoder.ts";

for (const decoder of commandDecoders) survives(decoder);
