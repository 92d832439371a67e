/** Puts the parts together, serves, and ends when it is asked to. */

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Api } from './api.js';
import { Follower, Teller } from './background.js';
import { Journal } from './journal.js';
import { Refused } from './request.js';
import { exporting, flush, serving } from './traces.js';

const { PORT, DATA_DIR, MONOLITH_URL, EVENTS_URL, OTEL_EXPORTER_OTLP_ENDPOINT: collector } = process.env;
const collectorHeaders = Object.fromEntries(
  (process.env.OTEL_EXPORTER_OTLP_HEADERS ?? '').split(',').filter(Boolean).map((pair) => pair.split('=')),
);
const LARGEST = 256 * 1024;
const journal = new Journal(path.join(DATA_DIR, 'journal.jsonl'));
const api = new Api(journal, MONOLITH_URL);
const follower = new Follower(journal, MONOLITH_URL);
const document = fs.readFileSync(new URL('../openapi.json', import.meta.url));
const THINGS = /^\/accounts\/([^/]+)\/invoices(?:\/([^/]+)(?:\/([^/]+))?)?$/;

async function answer(request, url, text) {
  if (url.pathname === '/livez' || url.pathname === '/readyz') return { status: 200, body: {} };
  if (url.pathname === '/openapi.json') return { status: 200, raw: document };
  if (url.pathname === '/backfill') {
    if (request.method === 'POST' && !journal.wanted) journal.keep({ wanted: true });
    return { status: request.method === 'POST' ? 202 : 200, body: follower.state() };
  }
  const [, account, id, step] = THINGS.exec(decodeURI(url.pathname)) ?? [];
  if (account === undefined) throw new Refused(404, 'there is nothing');
  const name = `${request.method} /accounts/{account}/invoices${id ? '/{invoice}' : ''}${step ? `/${step}` : ''}`;
  const span = serving(request.headers, name);
  const silent = ['shadow', 'mirror'].includes(request.headers['rollout-mode']);
  const asked = { headers: request.headers, text, silent, span };
  let told;
  try {
    told = await route(request.method, account, id, step, url.searchParams, asked);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    told = { status: error.status, body: error.body };
  }
  span.end(told.status);
  return told;
}

function route(method, account, id, step, query, asked) {
  if (method === 'GET' && !step) return id ? api.read(account, id) : api.list(account, query);
  if (method === 'POST' && !id) return api.make(account, asked);
  if (method === 'POST' && step) return api.step(account, id, step, asked);
  throw new Refused(405, 'not here');
}

async function serve(request, response) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size <= LARGEST) pieces.push(piece);
  }
  let told;
  try {
    if (size > LARGEST) throw new Refused(413, 'too much');
    told = await answer(request, new URL(request.url, 'http://here'), Buffer.concat(pieces).toString());
  } catch (error) {
    told = error instanceof Refused ? { status: error.status, body: error.body } : { status: 500, body: { error: 'a bug' } };
    if (told.status === 500) console.error(error);
  }
  const body = told.raw ?? JSON.stringify(told.body);
  response.writeHead(told.status, { 'Content-Type': 'application/json', ...told.headers });
  response.end(body);
}

const server = http.createServer((request, response) => {
  serve(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 30_000;
server.listen(Number(PORT), '127.0.0.1');
follower.run();
new Teller(journal, EVENTS_URL).run();
exporting(collector, collectorHeaders);

process.on('SIGTERM', () => {
  server.close(async () => {
    await flush(collector, collectorHeaders);
    process.exit(0);
  });
  server.closeIdleConnections();
  setInterval(() => server.closeIdleConnections(), 100);
});
