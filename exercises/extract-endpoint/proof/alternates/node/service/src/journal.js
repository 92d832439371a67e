/**
 * The store: a file of lines, each of which is one thing that happened, whole or not at all. What is known is in memory, made
 * of these lines at the start. A line that a kill has cut off was never acknowledged, and is taken away.
 */

import fs from 'node:fs';

const RANK = { draft: 0 };

export class Journal {
  invoices = new Map();
  keys = new Map();
  accounts = new Map();
  outbox = new Map();
  position = 0;
  wanted = false;
  #file;
  #places = 0;

  constructor(path) {
    this.#file = fs.openSync(path, 'a+');
    const text = fs.readFileSync(path, 'utf8');
    const whole = text.lastIndexOf('\n') + 1;
    if (whole < text.length) fs.truncateSync(path, Buffer.byteLength(text.slice(0, whole)));
    for (const each of text.slice(0, whole).split('\n')) if (each) this.#happen(JSON.parse(each));
  }

  /** Keep what happened; it is on record on return. */
  keep(what) {
    fs.writeSync(this.#file, `${JSON.stringify(what)}\n`);
    this.#happen(what);
  }

  find(account, id) {
    const found = this.invoices.get(id);
    return found?.told.account === account ? found : undefined;
  }

  used(account, key) {
    const id = key === undefined ? undefined : this.keys.get(`${account}\n${key}`);
    return id && this.invoices.get(id).told;
  }

  /** An account's invoices as clients know them: drafts, then the highest number, then what never had one. */
  listed(account, status) {
    const all = [...(this.accounts.get(account) ?? [])].map((id) => this.invoices.get(id));
    return all
      .filter(({ told }) => !status || told.status === status)
      .sort((one, other) => rank(one) - rank(other) || number(other) - number(one) || other.place - one.place)
      .map(({ told }) => told);
  }

  lastNumber(account) {
    const all = [...(this.accounts.get(account) ?? [])].map((id) => number(this.invoices.get(id)));
    return Math.max(0, ...all);
  }

  /** The oldest event of each invoice that has any. */
  waiting() {
    return [...this.outbox.values()].map((events) => events[0]);
  }

  #happen(what) {
    if (what.wanted) this.wanted = true;
    for (const { told, key } of what.put ?? []) this.#put(told, key);
    if (what.position) this.position = what.position;
    if (what.event) this.#push(what.event);
    if (what.sent) this.#shift(what.sent);
  }

  #put(told, key) {
    const known = this.invoices.get(told.id);
    if (known && known.told.version >= told.version) return;
    this.#places += 1;
    this.invoices.set(told.id, { told, key: known ? known.key : key, place: known ? known.place : this.#places });
    if (!this.accounts.has(told.account)) this.accounts.set(told.account, new Set());
    this.accounts.get(told.account).add(told.id);
    if (key != null) this.keys.set(`${told.account}\n${key}`, told.id);
  }

  #push(event) {
    if (!this.outbox.has(event.subject)) this.outbox.set(event.subject, []);
    this.outbox.get(event.subject).push(event);
  }

  #shift(subject) {
    const events = this.outbox.get(subject);
    events.shift();
    if (!events.length) this.outbox.delete(subject);
  }
}

const number = ({ told }) => Number(told.number?.split('/').at(-1) ?? 0);
const rank = (one) => RANK[one.told.status] ?? (one.told.number ? 1 : 2);
