/** What a request says: its body, its query, its preconditions. Each throws the problem that belongs to it. */

import { problems } from './problems.js';

const MAX_BODY = 48 * 1024;
const SKU = /^[A-Z0-9][A-Z0-9-]{2,31}$/;
const FIELDS = new Set(['sku', 'quantity', 'note']);

export function idempotencyKey({ headers }) {
  const key = headers['idempotency-key'];
  if (!/^[!-~]{1,140}$/.test(key ?? '')) {
    throw problems.malformed('Idempotency-Key must be 1 to 140 printable ASCII characters without spaces.');
  }
  return key;
}

/** The JSON value in the body. */
export async function readJson(request) {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers;
  const [media, ...parameters] = type.toLowerCase().split(';').map((part) => part.trim());
  if (media !== 'application/json') throw problems.notJson('The body must be declared as application/json.');
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  if (charset && !/^charset="?utf-?8"?$/.test(charset)) throw problems.notJson('JSON is UTF-8 (RFC 8259, 8.1).');
  if (encoding.toLowerCase() !== 'identity') throw problems.notJson('The body must not be compressed.');
  const bytes = await readBody(request);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw problems.malformed('The body is not JSON in UTF-8.');
  }
}

function readBody(request) {
  if (Number(request.headers['content-length']) > MAX_BODY) throw problems.tooLarge();
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    request.on('data', (chunk) => {
      size += chunk.length;
      // The rest is read and forgotten: a caller that still sends would not see our answer.
      if (size > MAX_BODY) reject(problems.tooLarge());
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', () => reject(problems.malformed('The body ends early.')));
  });
}

/** `{sku, quantity, note}`; an absent note is null. */
export function newOrder(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw problems.invalid('An object is needed.');
  const unknown = Object.keys(value).find((field) => !FIELDS.has(field));
  if (unknown !== undefined) throw problems.invalid('There is a field that is not known.');
  const { sku, quantity, note = null } = value;
  if (typeof sku !== 'string' || !SKU.test(sku)) throw problems.invalid('sku must match ^[A-Z0-9][A-Z0-9-]{2,31}$.');
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > 144) {
    throw problems.invalid('quantity must be an integer from 1 to 144.');
  }
  if (note !== null && (typeof note !== 'string' || [...note].length > 240)) {
    throw problems.invalid('note must be text of at most 240 characters, or null.');
  }
  return { sku, quantity, note };
}

export function pageQuery(query) {
  const [limit = '18', moreLimits] = query.getAll('limit');
  if (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > 72 || moreLimits) {
    throw problems.invalid('limit must be an integer from 1 to 72.');
  }
  return { limit: Number(limit), cursor: query.get('cursor') ?? undefined };
}

/** Whether a list of entity tags (RFC 9110, 13.1) names `tag`; the weak comparison takes `W/"x"` for `"x"`. */
export function names(list, tag, { weak }) {
  if (list.trim() === '*') return true;
  const tags = list.match(/(W\/)?"[!#-~\x80-\xff]*"/g) ?? [];
  return tags.some((each) => each === tag || (weak && each === `W/${tag}`));
}
