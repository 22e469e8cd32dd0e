/** A straight line through points, by least squares. */
export interface Line {
  readonly slope: number;
  /** Of the slope. */
  readonly standardError: number;
}

/** @param points at least three, not all at one x */
export function lineThrough(points: readonly (readonly [x: number, y: number])[]): Line {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = { x: mean(points.map(([x]) => x)), y: mean(points.map(([, y]) => y)) };
  const sum = (of: (dx: number, dy: number) => number) =>
    points.reduce((total, [x, y]) => total + of(x - middle.x, y - middle.y), 0);
  const spread = sum((dx) => dx * dx);
  const slope = sum((dx, dy) => dx * dy) / spread;
  const residue = sum((dx, dy) => (dy - slope * dx) ** 2);
  return { slope, standardError: Math.sqrt(residue / (points.length - 2) / spread) };
}
