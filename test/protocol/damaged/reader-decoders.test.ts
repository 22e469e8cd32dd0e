import { survives } from "./damaged-decoder.ts";
import { readerDecoders } from "./reader-decoders.ts";

for (const decoder of readerDecoders) survives(decoder);
