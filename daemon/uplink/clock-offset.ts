/** How this machine's clock stands to the gateway's, for people. @param offset of the gateway's ahead of it, in milliseconds */
export function clockOffsetText(offset: number): string {
  const seconds = Math.round(Math.abs(offset) / 1000);
  if (seconds === 0) return "agrees with the gateway's";
  return `${seconds} s ${offset > 0 ? "behind" : "ahead of"} the gateway's`;
}
