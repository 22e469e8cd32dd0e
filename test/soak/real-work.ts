/** Work that takes the machine's time: ciphers, sockets. Simulated time stands still for it. */
export class RealWork {
  readonly #underWay = new Set<Promise<unknown>>();

  hold<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const over = () => this.#underWay.delete(work);
    work.then(over, over);
    return work;
  }

  async done(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }
}
