/** Which operation a request means. */

import { readFileSync } from 'node:fs';

const DOCUMENT = readFileSync(new URL('../openapi.json', import.meta.url), 'utf8');
const text = (body, type) => ({ status: 200, headers: { 'Content-Type': type }, body });

/** `{template, operations}` by path; an operation is `{handle, scope}`. */
export function routes({ orders, readiness, metrics }) {
  const handlers = {
    '/v1/orders': {
      GET: { handle: (call) => orders.list(call), scope: 'orders:read' },
      POST: { handle: (call) => orders.create(call), scope: 'orders:write' },
    },
    '/v1/orders/{order_id}': { GET: { handle: (call) => orders.get(call), scope: 'orders:read' } },
    '/v1/orders/{order_id}/cancel': { POST: { handle: (call) => orders.cancel(call), scope: 'orders:write' } },
    '/livez': { GET: { handle: () => text('{"status":"alive"}', 'application/json') } },
    '/readyz': { GET: { handle: () => ready(readiness) } },
    '/metrics': { GET: { handle: () => text(metrics.render(), 'text/plain; version=0.0.4; charset=utf-8') } },
    '/openapi.json': { GET: { handle: () => text(DOCUMENT, 'application/json') } },
  };
  for (const operations of Object.values(handlers)) if (operations.GET) operations.HEAD = operations.GET;

  return function find(path) {
    const [, id, rest = ''] = /^\/v1\/orders\/([^/]+)(\/cancel)?$/.exec(path) ?? [];
    const template = id === undefined ? path : `/v1/orders/{order_id}${rest}`;
    return Object.hasOwn(handlers, template) && { template, operations: handlers[template], id };
  };
}

async function ready(readiness) {
  const checks = await readiness.check();
  const status = Object.values(checks).every(Boolean) ? 200 : 503;
  return { status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ checks }) };
}
