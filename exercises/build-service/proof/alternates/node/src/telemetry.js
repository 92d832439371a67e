/** Spans: W3C Trace Context in and out, and OTLP over HTTP as JSON to the collector, in batches. */

import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { exchange } from './client.js';

const KIND = { server: 2, client: 3 };
const ERROR = 2;
const BATCH = 200;
const MOST_QUEUED = 4000;
const EVERY_MS = 500;
const EXPORT_MS = 2000;

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** What a `traceparent` says, or null when it says nothing valid (W3C Trace Context, 3.2). */
function parseParent(text) {
  const [, version, traceId, spanId, flags, rest] = PARENT.exec(text ?? '') ?? [];
  if (!version || version === 'ff' || (version === '00' && rest)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, sampled: (parseInt(flags, 16) & 1) === 1 };
}

const nanoseconds = () => `${Math.round((performance.timeOrigin + performance.now()) * 1000)}000`;

class Span {
  #tracer;
  #data;
  #context;

  constructor(tracer, context, parentId, name, kind, attributes) {
    this.#tracer = tracer;
    this.#context = context;
    this.spanId = randomBytes(8).toString('hex');
    this.#data = { name, kind, parentSpanId: parentId, startTimeUnixNano: nanoseconds(), attributes, status: {} };
  }

  get traceId() {
    return this.#context.traceId;
  }

  client(method, url, attempt) {
    const { hostname, port } = new URL(url);
    return new Span(this.#tracer, this.#context, this.spanId, method, KIND.client, {
      'http.request.method': method,
      'url.full': url,
      'server.address': hostname,
      'server.port': Number(port) || 80,
      ...(attempt > 1 && { 'http.request.resend_count': attempt - 1 }),
    });
  }

  propagation() {
    const { traceId, sampled, state } = this.#context;
    const traceparent = `00-${traceId}-${this.spanId}-${sampled ? '01' : '00'}`;
    return state ? { traceparent, tracestate: state } : { traceparent };
  }

  /** A client's span fails from 400 on, a server's from 500 on (semantic conventions for HTTP). */
  answered(status) {
    this.#data.attributes['http.response.status_code'] = status;
    if (status >= (this.#data.kind === KIND.client ? 400 : 500)) this.fail(String(status));
  }

  fail(type) {
    this.#data.attributes['error.type'] = type;
    this.#data.status = { code: ERROR };
  }

  end() {
    if (!this.#context.sampled) return;
    const { attributes, ...rest } = this.#data;
    const { traceId, spanId } = this;
    this.#tracer.add({ traceId, spanId, ...rest, endTimeUnixNano: nanoseconds(), attributes: encode(attributes) });
  }
}

function encode(attributes) {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  }));
}

export class Tracer {
  #url;
  #headers;
  #agent = new http.Agent({ keepAlive: true });
  #queue = [];
  #sending = null;

  constructor(url, headers) {
    this.#url = url;
    this.#headers = { ...headers, 'Content-Type': 'application/json' };
    setInterval(() => this.flush(), EVERY_MS).unref();
  }

  server(name, headers, attributes) {
    const parent = parseParent(headers.traceparent);
    const context = parent
      ? { traceId: parent.traceId, sampled: parent.sampled, state: headers.tracestate?.slice(0, 512) }
      : { traceId: randomBytes(16).toString('hex'), sampled: true };
    return new Span(this, context, parent?.spanId, name, KIND.server, attributes);
  }

  add(span) {
    if (!this.#url) return;
    this.#queue.push(span);
    if (this.#queue.length > MOST_QUEUED) this.#queue.shift();
    if (this.#queue.length === BATCH) this.flush();
  }

  /** Sends what is queued; what cannot be sent now stays for the next time. Never rejects. */
  flush() {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = null;
    });
    return this.#sending;
  }

  /** Sends what is left, for at most `forMs`. */
  async stop(forMs) {
    const deadline = performance.now() + forMs;
    while ((this.#queue.length || this.#sending) && performance.now() < deadline) {
      await Promise.race([this.flush(), sleep(deadline - performance.now())]);
      if (this.#queue.length) await sleep(100);
    }
  }

  async #send() {
    while (this.#queue.length) {
      const spans = this.#queue.splice(0, BATCH);
      if (await this.#export(spans)) continue;
      this.#queue.unshift(...spans);
      return;
    }
  }

  async #export(spans) {
    const resource = { attributes: encode({ 'service.name': 'orders', 'service.version': '1.0.0' }) };
    const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'orders' }, spans }] }] });
    try {
      const { status } = await exchange(this.#agent, this.#url, {
        method: 'POST', headers: this.#headers, body, timeoutMs: EXPORT_MS,
      });
      // What the collector refuses for good would only block what comes after it.
      return status < 500 && status !== 429;
    } catch {
      return false;
    }
  }
}
