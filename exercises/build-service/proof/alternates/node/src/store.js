/**
 * Orders in SQLite. Every statement is one transaction, and durable when it returns.
 *
 * A note is kept as JSON: `node:sqlite` ends text at U+0000, and half of a surrogate pair is no text at all.
 */

import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 500;
  PRAGMA journal_size_limit = 4194304;
  CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    caller TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    reservation_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    note TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'confirmed',
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    UNIQUE (caller, idempotency_key)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
  INSERT INTO settings VALUES ('cursor-secret', randomblob(32)) ON CONFLICT DO NOTHING;
`;
const order = (row) => row && { ...row, note: JSON.parse(row.note) };
const CURSOR = { seqBytes: 6, macBytes: 9 };

export class Store {
  #path;
  #db;
  #sql;
  #cursorSecret;

  constructor(folder) {
    this.#path = join(folder, 'orders.sqlite');
    this.#db = new DatabaseSync(this.#path);
    this.#db.exec(SCHEMA);
    const sql = (text) => this.#db.prepare(text);
    this.#sql = {
      byId: sql('SELECT * FROM orders WHERE id = ?'),
      byKey: sql('SELECT * FROM orders WHERE caller = ? AND idempotency_key = ?'),
      add: sql(
        `INSERT INTO orders (id, caller, idempotency_key, reservation_id, sku, quantity, note, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (caller, idempotency_key) DO NOTHING`,
      ),
      cancel: sql(
        `UPDATE orders SET status = 'cancelled', version = version + 1
         WHERE id = ? AND version = ? AND status = 'confirmed' RETURNING *`,
      ),
      page: sql('SELECT * FROM orders WHERE seq < ? ORDER BY seq DESC LIMIT ?'),
      beat: sql("INSERT INTO settings VALUES ('heartbeat', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
    };
    this.#cursorSecret = sql("SELECT value FROM settings WHERE name = 'cursor-secret'").get().value;
  }

  byId(id) {
    return order(this.#sql.byId.get(id));
  }

  byKey(caller, key) {
    return order(this.#sql.byKey.get(caller, key));
  }

  /** The order that this key has made: a new one, or the one that was there before. */
  add(caller, key, reservationId, { sku, quantity, note }) {
    const now = new Date().toISOString();
    this.#sql.add.run(randomUUID(), caller, key, reservationId, sku, quantity, JSON.stringify(note), now);
    return this.byKey(caller, key);
  }

  /** The cancelled order, or undefined when it is no longer at that version. */
  cancel({ id, version }) {
    return order(this.#sql.cancel.get(id, version));
  }

  /** `{items, next}`, newest first; `after` is a cursor of ours or undefined. Null when the cursor is not ours. */
  page(limit, after) {
    const before = after === undefined ? Number.MAX_SAFE_INTEGER : this.#place(after);
    if (before === null) return null;
    const rows = this.#sql.page.all(before, limit + 1);
    const items = rows.slice(0, limit).map(order);
    return { items, next: rows.length > limit ? this.#cursor(items.at(-1).seq) : null };
  }

  /** Throws unless the store takes writes and its file is still there. */
  check() {
    statSync(this.#path);
    this.#sql.beat.run(randomBytes(8));
  }

  close() {
    this.#db.close();
  }

  // Signed, so that a cursor which was not handed out can be told; 15 bytes, so that base64url has no spare bits.
  #cursor(seq) {
    const place = Buffer.alloc(CURSOR.seqBytes);
    place.writeUIntBE(seq, 0, CURSOR.seqBytes);
    return Buffer.concat([place, this.#mac(place)]).toString('base64url');
  }

  #place(cursor) {
    if (!/^[\w-]{20}$/.test(cursor)) return null;
    const bytes = Buffer.from(cursor, 'base64url');
    const place = bytes.subarray(0, CURSOR.seqBytes);
    const signed = timingSafeEqual(bytes.subarray(CURSOR.seqBytes), this.#mac(place));
    return signed ? place.readUIntBE(0, CURSOR.seqBytes) : null;
  }

  #mac(place) {
    return createHmac('sha256', this.#cursorSecret).update(place).digest().subarray(0, CURSOR.macBytes);
  }
}
