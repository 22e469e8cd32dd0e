import type { Clock } from "@swipewire/protocol/time";
import type { KyselyPlugin } from "kysely";

/**
 * The life of one gateway process. Everything that its code awaits passes {@link point}, so that it can be made to end at
 * any of them: from then on nothing of it goes on.
 */
export class Life {
  readonly #onEnd: () => void;
  #alive = true;
  /** Points until the end; undefined lives on. */
  #left: number | undefined;
  readonly #ended = Promise.withResolvers<void>();

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Lets it end when it passes its `points`th point from now, from 1. */
  endAfter(points: number): void {
    this.#left = points;
  }

  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#onEnd();
    this.#ended.resolve();
  }

  /** Never resolves once the life has ended. */
  async point(): Promise<void> {
    if (this.#left !== undefined && --this.#left <= 0) this.end();
    if (!this.#alive) await new Promise(() => {});
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      after: (delay, action) =>
        clock.after(delay, () => {
          if (this.#alive) action();
        }),
    };
  }

  /** A point after each query. */
  store(): KyselyPlugin {
    return {
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        await this.point();
        return result;
      },
    };
  }

  /** `service` with a point before and after each of the named methods, all of which give promises. */
  around<T extends object>(service: T, methods: readonly (keyof T)[]): T {
    return new Proxy(service, {
      get: (target, key) => {
        const value = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        if (!methods.includes(key as keyof T)) return value.bind(target);
        return async (...args: unknown[]) => {
          await this.point();
          try {
            return await value.apply(target, args);
          } finally {
            await this.point();
          }
        };
      },
    });
  }
}
