/** What can be done with orders. */

import { createHash } from 'node:crypto';
import { problems } from './problems.js';
import { idempotencyKey, names, newOrder, pageQuery, readJson } from './requests.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const view = ({ id, sku, quantity, note, status, created_at }) => ({ id, sku, quantity, note, status, created_at });
const etag = ({ version }) => `"${version}"`;
const json = (status, value, headers = {}) => ({
  status,
  headers: { ...headers, 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
});
const shown = (order) => json(200, view(order), { ETag: etag(order) });
// A key gets its first answer again, whatever became of the order since.
const created = (order) =>
  json(201, view({ ...order, status: 'confirmed' }), { Location: `/v1/orders/${order.id}`, ETag: '"1"' });
const same = (one, other) => one.sku === other.sku && one.quantity === other.quantity && one.note === other.note;

export class Orders {
  #store;
  #inventory;
  #working = new Map();

  constructor(store, inventory) {
    this.#store = store;
    this.#inventory = inventory;
  }

  async create({ request, caller, span }) {
    const key = idempotencyKey(request);
    const wanted = newOrder(await readJson(request));
    const before = this.#store.byKey(caller, key);
    if (before) return this.#again(before, wanted);
    const name = JSON.stringify([caller, key]);
    const work = this.#working.get(name);
    if (work && !same(work.wanted, wanted)) throw problems.inProgress();
    if (work) return work.answer;
    const answer = this.#make(caller, key, wanted, span).finally(() => this.#working.delete(name));
    this.#working.set(name, { wanted, answer });
    return answer;
  }

  async #make(caller, key, wanted, span) {
    // Derived, not drawn: a try after a crash, or after an answer that got lost, finds the same reservation.
    const intention = JSON.stringify([caller, key, wanted.sku, wanted.quantity]);
    const reservationKey = createHash('sha256').update(intention).digest('hex');
    const reservationId = await this.#inventory.reserve(reservationKey, wanted, span);
    return this.#again(this.#store.add(caller, key, reservationId, wanted), wanted);
  }

  #again(order, wanted) {
    if (!same(order, wanted)) throw problems.keyReused();
    return created(order);
  }

  get({ request, id }) {
    const order = this.#find(id);
    const known = request.headers['if-none-match'];
    if (known !== undefined && names(known, etag(order), { weak: true })) {
      return { status: 304, headers: { ETag: etag(order) } };
    }
    return shown(order);
  }

  list({ query }) {
    const { limit, cursor } = pageQuery(query);
    const page = this.#store.page(limit, cursor);
    if (!page) throw problems.malformed('The cursor is none of ours.');
    return json(200, { items: page.items.map(view), next_cursor: page.next });
  }

  cancel({ request, id }) {
    const order = this.#find(id);
    const wanted = request.headers['if-match'];
    if (wanted === undefined) throw problems.preconditionMissing();
    if (!names(wanted, etag(order), { weak: false })) throw problems.wrongState();
    if (order.status === 'cancelled') {
      throw problems.conflict('cancelled-before', 'Cancelled before', 'The order is cancelled already.');
    }
    const cancelled = this.#store.cancel(order);
    if (!cancelled) throw problems.wrongState();
    return shown(cancelled);
  }

  #find(id) {
    const order = UUID.test(id.toLowerCase()) ? this.#store.byId(id.toLowerCase()) : undefined;
    if (!order) throw problems.notFound();
    return order;
  }
}
