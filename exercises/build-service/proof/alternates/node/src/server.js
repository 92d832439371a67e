/** The HTTP server: every request is admitted, answered, counted, logged and traced here, and drained at the end. */

import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { log } from './logs.js';
import { Problem, problems } from './problems.js';

const MOST_IN_FLIGHT = 512;
const DRAIN_MS = 6000;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);
const UNMATCHED = 'unmatched';

export class Server {
  #gate;
  #find;
  #metrics;
  #tracer;
  #http;
  #draining = false;

  constructor({ gate, find, metrics, tracer }) {
    this.#gate = gate;
    this.#find = find;
    this.#metrics = metrics;
    this.#tracer = tracer;
    this.#http = http.createServer(
      { keepAliveTimeout: 75_000, headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 1000,
        requireHostHeader: false },
      (request, response) => this.#serve(request, response),
    );
    this.#http.on('clientError', (error, socket) => this.#refuseRaw(error, socket));
    this.#http.on('connect', (request, socket) => writeRaw(socket, problems.wrongMethod('GET, HEAD, POST').reply));
  }

  listen(port) {
    return new Promise((resolve, reject) => this.#http.once('error', reject).listen(port, () => resolve()));
  }

  /** Takes no new requests, answers those in flight, and returns when they are answered or time is up. */
  async drain() {
    this.#draining = true;
    this.#http.close();
    this.#http.closeIdleConnections();
    const deadline = performance.now() + DRAIN_MS;
    // What has arrived but has not been read yet deserves its 503, so a moment passes after the last answer.
    for (let quiet = 0; quiet < 5 && performance.now() < deadline; quiet += 1) {
      await sleep(50);
      if (this.#metrics.inFlight > 0) quiet = 0;
    }
    this.#http.closeAllConnections();
  }

  async #serve(request, response) {
    const started = performance.now();
    const [path, query = ''] = request.url.replace(/^https?:\/\/[^/?]*/i, '').split(/\?(.*)/s);
    const found = this.#find(path);
    const method = METHODS.has(request.method) ? request.method : '_OTHER';
    const template = found ? found.template : UNMATCHED;
    const span = this.#tracer.server(found ? `${method} ${template}` : method, request.headers, {
      'http.request.method': method,
      'url.path': path.slice(0, 256),
      'url.scheme': 'http',
      ...(found && { 'http.route': template }),
    });
    this.#metrics.inFlight += 1;
    const reply = await this.#answer({ request, query: new URLSearchParams(query), found, span });
    this.#metrics.inFlight -= 1;
    const seconds = (performance.now() - started) / 1000;
    this.#metrics.answered({ method, route: template, status: reply.status }, seconds);
    this.#record({ method, route: template, path, status: reply.status, seconds, span });
    this.#send(request, response, reply);
  }

  async #answer({ request, query, found, span }) {
    try {
      if (!found) throw problems.notFound();
      const operation = Object.hasOwn(found.operations, request.method) && found.operations[request.method];
      if (!operation) throw problems.wrongMethod(Object.keys(found.operations).sort().join(', '));
      const forPlatform = operation.scope === undefined;
      if (this.#draining && (!forPlatform || found.template === '/readyz')) {
        throw problems.unavailable('stopping', 'This instance is stopping.');
      }
      if (this.#metrics.inFlight > MOST_IN_FLIGHT && !forPlatform) {
        throw problems.unavailable('overloaded', 'Too many requests at once.');
      }
      const caller = forPlatform ? undefined : this.#gate.admit(request.headers.authorization, operation.scope);
      return await operation.handle({ request, query, caller, span, id: found.id });
    } catch (error) {
      if (error instanceof Problem) return error.reply;
      const { traceId: trace_id, spanId: span_id } = span;
      log('error', 'request failed', { trace_id, span_id, error: error.code ?? error.name, stack: error.stack });
      const storeFails = error.code === 'ERR_SQLITE_ERROR';
      return (storeFails ? problems.unavailable('store-failing', 'The store fails.') : problems.broken()).reply;
    }
  }

  #record({ method, route, path, status, seconds, span }) {
    // The platform asks every few seconds: its questions are counted, and would only bury the rest here.
    if (!path.startsWith('/v1') && route !== UNMATCHED) return;
    span.answered(status);
    span.end();
    log(status >= 500 ? 'error' : 'info', 'request', {
      trace_id: span.traceId,
      span_id: span.spanId,
      method,
      route,
      path: path.slice(0, 256),
      status,
      duration_ms: Math.round(seconds * 1e6) / 1000,
    });
  }

  #send(request, response, { status, headers, body = '' }) {
    const bytes = Buffer.from(body);
    if (this.#draining) response.setHeader('Connection', 'close');
    if (status !== 304) response.setHeader('Content-Length', bytes.length);
    response.writeHead(status, headers);
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }

  /** What the parser does not take for HTTP. */
  #refuseRaw(error, socket) {
    const [, target] = /^\S+ (\S+) HTTP\/1\.[01]\r\n/.exec(error.rawPacket?.toString('latin1') ?? '') ?? [];
    const found = error.code === 'HPE_INVALID_METHOD' && target && this.#find(target.split('?')[0]);
    if (found) writeRaw(socket, problems.wrongMethod(Object.keys(found.operations).sort().join(', ')).reply);
    else if (error.code === 'HPE_HEADER_OVERFLOW') {
      writeRaw(socket, new Problem(431, 'headers-too-large', 'Headers too large', 'Send fewer.').reply);
    } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      writeRaw(socket, new Problem(408, 'too-slow', 'Request timeout', 'The request took too long.').reply);
    } else writeRaw(socket, problems.malformed('This is not HTTP/1.1.').reply);
  }
}

function writeRaw(socket, { status, headers, body }) {
  if (!socket.writable) return;
  const all = { ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}
