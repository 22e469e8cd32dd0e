/** The fourteen steps of a payment, by their numbers. */
export const stepNames = {
  1: "order",
  2: "choice",
  3: "swipe here",
  4: "transaction code",
  5: "code entered",
  6: "order confirmed",
  7: "swipe",
  8: "has it a PIN?",
  9: "sealed swipe sent",
  10: "PIN typed",
  11: "charge",
  12: "merchant told",
  13: "terminal told",
  14: "payer told",
} as const;
export type StepNumber = keyof typeof stepNames;

/** One step as it happened. */
export interface StepReport {
  readonly step: StepNumber;
  readonly name: string;
  /** RFC 3339. */
  readonly at: string;
  /** Milliseconds since the first step. */
  readonly elapsed: number;
  readonly what: string;
}

export type PrintStep = (report: StepReport) => void;

export const asJson: PrintStep = (report) => {
  process.stdout.write(`${JSON.stringify(report)}\n`);
};

export const asText: PrintStep = ({ step, name, elapsed, what }) => {
  const time = `${(elapsed / 1000).toFixed(3)} s`;
  process.stdout.write(`${String(step).padStart(2)}  ${time.padStart(9)}  ${name.padEnd(18)}${what}\n`);
};
