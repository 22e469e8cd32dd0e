/** Who hears of a link's events. */
export interface BrokerListener {
  /** Connected, and every subscription granted. */
  connected(): void;
  disconnected(): void;
  message(topic: string, payload: Uint8Array): void;
}

/** The terminal's connection to its MQTT broker. It reconnects by itself, and queues nothing. */
export interface BrokerLink {
  readonly connected: boolean;
  /** The code of what keeps the broker out of reach. */
  readonly problem: string | undefined;
  open(listener: BrokerListener): void;
  /**
   * QoS 1.
   * @returns false when nothing left this process; true when it may have left, which says nothing about its arrival
   */
  publish(topic: string, payload: string, options?: { readonly retain: boolean }): boolean;
  /** Gives up the connection for a new one, made with what there is to connect with by now. */
  reconnect(): void;
  /** Publishes a last retained message, waits a moment for the broker to take it, and disconnects. */
  close(last: { readonly topic: string; readonly payload: string }): Promise<void>;
}
