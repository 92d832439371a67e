/** Can we take traffic? Asked at most once a second, however many ask us, and answered within two. */

const FRESH_MS = 1000;

export class Readiness {
  #store;
  #inventory;
  #asked = -Infinity;
  #answer;

  constructor(store, inventory) {
    this.#store = store;
    this.#inventory = inventory;
  }

  /** `{store, inventory}`, each true or false. */
  check() {
    if (performance.now() - this.#asked > FRESH_MS) {
      this.#asked = Infinity;
      this.#answer = this.#look().finally(() => {
        this.#asked = performance.now();
      });
    }
    return this.#answer;
  }

  async #look() {
    return { store: this.#storeTakesWrites(), inventory: await this.#inventory.healthy() };
  }

  #storeTakesWrites() {
    try {
      this.#store.check();
      return true;
    } catch {
      return false;
    }
  }
}
