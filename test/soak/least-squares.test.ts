import t from "tap";
import { lineThrough } from "./least-squares.ts";

t.test("gives slope and standard error as worked out by hand", async (t) => {
  t.strictSame(
    lineThrough([
      [0, 1],
      [1, 3],
      [2, 5],
    ]),
    { slope: 2, standardError: 0 },
  );
  // Means 2.5 and 4; sums of squares 5, of products 7; residuals .1, -.3, .3, -.1 squared make 0.2.
  const { slope, standardError } = lineThrough([
    [1, 2],
    [2, 3],
    [3, 5],
    [4, 6],
  ]);
  t.ok(Math.abs(slope - 1.4) < 1e-12, `${slope}`);
  t.ok(Math.abs(standardError - Math.sqrt(0.2 / 2 / 5)) < 1e-12, `${standardError}`);
});
