/** What a request says, checked. */

import { thousandths, toEven } from './money.js';

const MOST_LINES = 71;
const LONGEST_MEMO = 236;
const MOST_CENTS = 10_000_000;

export class Refused extends Error {
  constructor(status, error, field) {
    super(error);
    this.status = status;
    this.body = field ? { error, field } : { error };
  }
}

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused(400, 'the body is no JSON');
  }
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lines with their amounts, and the memo where there is one. */
export function wanted(body) {
  if (!isObject(body)) throw new Refused(400, 'an object is needed');
  const { lines, memo } = body;
  if (!Array.isArray(lines) || lines.length < 1 || lines.length > MOST_LINES) {
    throw new Refused(400, `1 to ${MOST_LINES} lines`, 'lines');
  }
  if (memo != null && typeof memo !== 'string') throw new Refused(400, 'text is needed', 'memo');
  const cut = [...(memo ?? '').trim()].slice(0, LONGEST_MEMO).join('');
  return { lines: lines.map(line), ...('memo' in body && { memo: cut || null }) };
}

function line(told, at) {
  const where = `lines[${at}]`;
  if (!isObject(told)) throw new Refused(400, 'an object is needed', where);
  if (typeof told.item !== 'string' || !told.item.trim()) throw new Refused(400, 'text is needed', `${where}.item`);
  const quantity = thousandths(told.quantity);
  if (quantity === null || quantity <= 0n || quantity > 9_999_000n) {
    throw new Refused(400, 'more than 0, at most 9999, three digits after the point', `${where}.quantity`);
  }
  const unit = told.unit_cents;
  if (!Number.isInteger(unit) || unit < 0 || unit > MOST_CENTS) {
    throw new Refused(400, 'whole cents', `${where}.unit_cents`);
  }
  const discount = told.discount_percent || 0;
  if (!Number.isInteger(discount) || discount < 0 || discount > 100) {
    throw new Refused(400, '0 to 100', `${where}.discount_percent`);
  }
  return {
    item: told.item.trim().toUpperCase(),
    quantity: Number(quantity) / 1000,
    unit_cents: unit,
    amount_cents: toEven(quantity * BigInt(unit) * BigInt(100 - discount), 100_000n),
    ...(discount && { discount_percent: discount }),
  };
}

/** A whole number from 1; what is none counts as not said. */
export function counted(told, usual) {
  return /^\d{1,9}$/.test(told ?? '') && Number(told) > 0 ? Number(told) : usual;
}
