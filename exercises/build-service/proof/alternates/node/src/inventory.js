/** The inventory service: reserves stock, in a time that our callers can rely on. */

import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { exchange } from './client.js';
import { RetryBudget, Slots } from './limits.js';
import { problems } from './problems.js';

// It may take 1.5 s, and our callers wait 3 s: one slow answer fits, and a quick second try after a silent first one.
const TOTAL_MS = 2600;
const ATTEMPT_MS = 2000;
const MOST_ATTEMPTS = 4;
const BACKOFF_MS = 60;
const HEALTH_MS = 1700;

export class Inventory {
  #url;
  #metrics;
  #agent = new http.Agent({ keepAlive: true });
  // Whoever would wait longer than this for a slot is better told at once.
  #slots = new Slots({ size: 64, queue: 64, waitMs: 250 });
  #budget = new RetryBudget({ most: 8, perSuccess: 0.5 });

  constructor(url, metrics) {
    this.#url = url;
    this.#metrics = metrics;
  }

  /** The id of the reservation; throws 409, 503 or 504. The same key gets the same reservation, so trying again is safe. */
  async reserve(key, { sku, quantity }, span) {
    const deadline = performance.now() + TOTAL_MS;
    if (!(await this.#slots.take())) {
      throw problems.unavailable('overloaded', 'Too many orders wait for the inventory service.');
    }
    try {
      return await this.#tryUntil(deadline, key, JSON.stringify({ sku, quantity }), span);
    } finally {
      this.#slots.release();
    }
  }

  async #tryUntil(deadline, key, body, span) {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#attempt(key, body, Math.min(ATTEMPT_MS, deadline - performance.now()), span, attempt);
      if (!outcome.failure) return outcome.reservationId;
      const pause = Math.max(BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2), outcome.waitMs ?? 0);
      const worthIt = outcome.transient && attempt < MOST_ATTEMPTS && performance.now() + pause < deadline - 50;
      if (!worthIt || !this.#budget.spend()) throw outcome.failure;
      await sleep(pause);
    }
  }

  async #attempt(key, body, timeoutMs, parent, attempt) {
    const span = parent.client('POST', `${this.#url}/reservations`, attempt);
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key, ...span.propagation() };
    let outcome;
    try {
      const answer = await exchange(this.#agent, `${this.#url}/reservations`, {
        method: 'POST', headers, body, timeoutMs,
      });
      outcome = this.#judge(answer);
      span.answered(answer.status);
    } catch (error) {
      outcome = {
        transient: true,
        label: error.timedOut ? 'timeout' : 'unreachable',
        failure: error.timedOut
          ? problems.timedOut()
          : problems.unavailable('inventory-unreachable', 'The inventory service cannot be reached.'),
      };
      span.fail(error.timedOut ? 'timeout' : (error.code ?? error.name));
    }
    span.end();
    this.#metrics.count('inventory_calls_total', { outcome: outcome.label });
    return outcome;
  }

  #judge({ status, headers, body }) {
    if (status === 409) {
      this.#budget.earn();
      const failure = problems.conflict('out-of-stock', 'Out of stock', 'There is not enough of it.');
      return { label: 'out_of_stock', failure };
    }
    const reservationId = status === 201 ? reservationIn(body) : undefined;
    if (reservationId) {
      this.#budget.earn();
      return { label: 'reserved', reservationId };
    }
    return {
      label: 'failed',
      failure: problems.unavailable('inventory-failing', 'The inventory service fails.'),
      transient: status === 201 || status === 429 || status >= 500,
      waitMs: 1000 * (Number(headers['retry-after']) || 0),
    };
  }

  async healthy() {
    try {
      const answer = await exchange(this.#agent, `${this.#url}/healthz`, { timeoutMs: HEALTH_MS });
      return answer.status === 200;
    } catch {
      return false;
    }
  }
}

function reservationIn(body) {
  try {
    const { reservation_id: id } = JSON.parse(body);
    return typeof id === 'string' && id ? id : undefined;
  } catch {
    return undefined;
  }
}
