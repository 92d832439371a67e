/** The invoices of an account, as the monolith has always told them. */

import { randomBytes, randomUUID } from 'node:crypto';
import { fee } from './money.js';
import { counted, parsed, Refused, wanted } from './request.js';
import { call } from './wire.js';

const MOST_OF_A_PAGE = 188;
const USUAL_PAGE = 25;
const LONGEST_KEY = 137;
const ENDS = { settle: ['settled', ['issued']], void: ['voided', ['draft', 'issued']] };

const stamp = (moment) => moment.toISOString().slice(0, 19).replace('T', ' ');

export class Api {
  #journal;
  #monolith;

  constructor(journal, monolith) {
    this.#journal = journal;
    this.#monolith = monolith;
  }

  list(account, query) {
    const all = this.#journal.listed(account, query.get('status'));
    const limit = Math.min(counted(query.get('limit'), USUAL_PAGE), MOST_OF_A_PAGE);
    const skip = limit * (counted(query.get('page'), 1) - 1);
    const body = { invoices: all.slice(skip, skip + limit), total_count: all.length };
    return { status: 200, body, headers: { 'X-Total-Count': String(all.length) } };
  }

  read(account, id) {
    return { status: 200, body: this.#known(account, id).told };
  }

  async make(account, { headers, text, silent, span }) {
    const key = headers['idempotency-key'];
    if (key !== undefined && (key.length < 1 || key.length > LONGEST_KEY)) {
      throw new Refused(400, `a key has 1 to ${LONGEST_KEY} characters`);
    }
    const before = this.#journal.used(account, key);
    if (before) return { status: 200, body: before };
    const owner = await this.#owner(account, span);
    if (owner.state === 'closed') throw new Refused(410, 'it is closed');
    const { lines, ...memo } = wanted(parsed(text));
    const meanwhile = this.#journal.used(account, key);
    if (meanwhile) return { status: 200, body: meanwhile };
    const net = lines.reduce((sum, line) => sum + line.amount_cents, 0);
    const owed = fee(net, owner.fee_percent);
    const told = {
      id: randomBytes(8).toString('hex'),
      account,
      status: 'draft',
      version: 1,
      lines,
      net_cents: net,
      ...(owed !== null && { fee_cents: owed }),
      total_cents: net + (owed ?? 0),
      ...memo,
      created_at: stamp(new Date()),
    };
    if (!silent) this.#keep(told, key ?? null);
    return { status: 201, body: told, headers: { Location: `/accounts/${account}/invoices/${told.id}` } };
  }

  async step(account, id, step, { silent, span }) {
    if (step === 'issue') return this.#issue(account, id, silent, span);
    if (!ENDS[step]) throw new Refused(404, 'there is no such step');
    const [status, allowed] = ENDS[step];
    const { told, key } = this.#known(account, id);
    if (told.status === status) return { status: 200, body: told };
    expect(told, allowed);
    const after = { ...told, status, version: told.version + 1, [`${status}_at`]: stamp(new Date()) };
    if (!silent) this.#keep(after, key);
    return { status: 200, body: after };
  }

  async #issue(account, id, silent, span) {
    expect(this.#known(account, id).told, ['draft']);
    const { terms_days: terms } = await this.#owner(account, span);
    const { told, key } = this.#known(account, id);
    expect(told, ['draft']);
    const now = new Date();
    const due = new Date(now.getTime() + terms * 86_400_000);
    const number = String(this.#journal.lastNumber(account) + 1).padStart(4, '0');
    const after = {
      ...told,
      status: 'issued',
      version: told.version + 1,
      number: `${account}/${number}`,
      issued_at: stamp(now),
      due_on: due.toISOString().slice(0, 10),
      settled_at: null,
    };
    if (!silent) this.#keep(after, key);
    return { status: 200, body: after };
  }

  #known(account, id) {
    const found = this.#journal.find(account, id);
    if (!found) throw new Refused(404, 'there is none');
    return found;
  }

  async #owner(account, parent) {
    const span = parent.child('GET account');
    let answer;
    try {
      answer = await call('GET', `${this.#monolith}/internal/accounts/${encodeURIComponent(account)}`, {
        headers: { traceparent: span.traceparent },
      });
    } catch {
      span.end(599);
      throw new Refused(503, 'accounts cannot be asked now');
    }
    span.end(answer.status);
    if (answer.status === 404) throw new Refused(404, 'there is no such account');
    if (answer.status !== 200) throw new Refused(503, 'accounts cannot be asked now');
    return JSON.parse(answer.text);
  }

  #keep(told, key) {
    const happened = told.status === 'draft' ? 'created' : told.status;
    const event = {
      specversion: '1.0',
      id: randomUUID(),
      source: '/invoicing',
      type: `invoice.${happened}.v1`,
      subject: told.id,
      time: new Date().toISOString(),
      datacontenttype: 'application/json',
      sequence: String(told.version),
      data: { ...told, request_key: key },
    };
    this.#journal.keep({ put: [{ told, key }], event });
  }
}

function expect(told, allowed) {
  if (!allowed.includes(told.status)) throw new Refused(409, `it is ${told.status}`);
}
