/** A question to a reader and its answer, both directions: what a host sends a simulated reader must understand. */
export interface ReaderCommand<Request, Response> {
  /** As its maker's manual calls it. */
  readonly name: string;
  /** A request as it travels. @throws ReaderCommandMalformed when the request holds what the command cannot carry */
  encodeRequest(request: Request): Uint8Array;
  /** The reader's side: what was asked. @throws ReaderCommandMalformed | ReaderFrameLrc */
  decodeRequest(bytes: Uint8Array): Request;
  /**
   * The reader's side: an answer as it travels.
   * @throws ReaderCommandMalformed when the response holds what the command cannot carry
   */
  encodeResponse(response: Response): Uint8Array;
  /**
   * What was answered.
   * @throws ReaderCommandRefused with the reader's reason
   * @throws ReaderCommandMalformed | ReaderFrameLrc
   */
  decodeResponse(bytes: Uint8Array): Response;
}

/** How the data of a message is laid out. */
export interface Layout<T> {
  /** A new array. @throws ReaderCommandMalformed when the value does not fit */
  encode(value: T): Uint8Array;
  /** What is in it, as copies. @throws ReaderCommandMalformed when it is laid out otherwise */
  decode(data: Uint8Array): T;
}
