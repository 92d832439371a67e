/** Following the feed and telling what changed, beside requests. */

import { setTimeout as sleep } from 'node:timers/promises';
import { call } from './wire.js';

const PAUSE = 200;

export class Follower {
  #journal;
  #url;
  #end = null;

  constructor(journal, url) {
    this.#journal = journal;
    this.#url = url;
  }

  state() {
    const { wanted, position, invoices } = this.#journal;
    const there = this.#end !== null && position >= this.#end;
    return { state: wanted ? (there ? 'following' : 'copying') : 'idle', position, copied: invoices.size };
  }

  async run() {
    for (;;) {
      const more = this.#journal.wanted && (await this.#page().catch(() => false));
      if (!more) await sleep(PAUSE);
    }
  }

  async #page() {
    const { status, text } = await call('GET', `${this.#url}/internal/changes?after=${this.#journal.position}`);
    if (status !== 200) return false;
    const { changes, end } = JSON.parse(text);
    if (changes.length) {
      const put = changes.map(({ invoice: { request_key: key, ...told } }) => ({ told, key }));
      this.#journal.keep({ put, position: changes.at(-1).seq });
    }
    this.#end = end;
    return this.#journal.position < end;
  }
}

export class Teller {
  #journal;
  #url;

  constructor(journal, url) {
    this.#journal = journal;
    this.#url = url;
  }

  async run() {
    for (;;) {
      const waiting = this.#journal.waiting().slice(0, 8);
      const taken = await Promise.all(waiting.map((event) => this.#tell(event)));
      if (!waiting.length || taken.includes(false)) await sleep(waiting.length ? PAUSE : PAUSE / 10);
    }
  }

  async #tell(event) {
    try {
      const { status } = await call('POST', this.#url, {
        headers: { 'content-type': 'application/cloudevents+json' }, body: JSON.stringify(event),
      });
      if (status < 200 || status > 299) return false;
    } catch {
      return false;
    }
    this.#journal.keep({ sent: event.subject });
    return true;
  }
}
