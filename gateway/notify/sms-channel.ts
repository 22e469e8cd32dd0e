/** A way to text the payer. */
export interface SmsChannel {
  /** Resolves when the channel took the message. @throws SmsNotSent */
  send(to: string, text: string): Promise<void>;
  close(): Promise<void>;
}
