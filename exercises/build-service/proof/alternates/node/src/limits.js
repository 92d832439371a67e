/** What keeps a dependency, and us, from being overrun: a bounded number of calls, and a budget of retries. */

/** At most `size` holders at once; a few more may wait for a moment. */
export class Slots {
  #free;
  #waiting = [];
  #queue;
  #waitMs;

  constructor({ size, queue, waitMs }) {
    this.#free = size;
    this.#queue = queue;
    this.#waitMs = waitMs;
  }

  /** Resolves to true with a slot, to false when there is none in time. */
  take() {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(true);
    }
    if (this.#waiting.length >= this.#queue) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiter = { resolve };
      waiter.timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        resolve(false);
      }, this.#waitMs);
      this.#waiting.push(waiter);
    });
  }

  release() {
    const next = this.#waiting.shift();
    if (!next) {
      this.#free += 1;
      return;
    }
    clearTimeout(next.timer);
    next.resolve(true);
  }
}

/** Retries are earned by successes: a dependency that fails now and then gets them, a dead one only the first few. */
export class RetryBudget {
  #tokens;
  #most;
  #perSuccess;

  constructor({ most, perSuccess }) {
    this.#tokens = most;
    this.#most = most;
    this.#perSuccess = perSuccess;
  }

  earn() {
    this.#tokens = Math.min(this.#most, this.#tokens + this.#perSuccess);
  }

  spend() {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
