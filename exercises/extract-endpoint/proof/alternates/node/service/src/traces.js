/** Spans over OTLP/HTTP as JSON, and W3C trace context in and out. */

import { randomBytes } from 'node:crypto';
import { call } from './wire.js';

const PARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;
const EVERY_MS = 400;
const waiting = [];
const nanoseconds = () => `${Math.round((performance.timeOrigin + performance.now()) * 1000)}000`;

function span(trace, parent, kind, name) {
  const id = randomBytes(8).toString('hex');
  const began = nanoseconds();
  return {
    traceparent: `00-${trace.id}-${id}-${trace.sampled ? '01' : '00'}`,
    child: (child) => span(trace, id, CLIENT, child),
    end(status) {
      if (!trace.sampled) return;
      waiting.push({
        traceId: trace.id,
        spanId: id,
        ...(parent && { parentSpanId: parent }),
        name,
        kind,
        startTimeUnixNano: began,
        endTimeUnixNano: nanoseconds(),
        attributes: [{ key: 'http.response.status_code', value: { intValue: String(status) } }],
        status: status >= 500 ? { code: ERROR } : {},
      });
    },
  };
}

export function serving(headers, name) {
  const [, id, parent, flags] = PARENT.exec(headers.traceparent ?? '') ?? [];
  const trace = id
    ? { id, sampled: (parseInt(flags, 16) & 1) === 1 }
    : { id: randomBytes(16).toString('hex'), sampled: true };
  return span(trace, parent, SERVER, name);
}

export async function flush(endpoint, headers) {
  if (!waiting.length || !endpoint) return;
  const spans = waiting.splice(0, 500);
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'invoicing' } }] };
  const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
  try {
    const { status } = await call('POST', `${endpoint}/v1/traces`, {
      headers: { ...headers, 'content-type': 'application/json' }, body,
    });
    if (status >= 500) waiting.unshift(...spans);
  } catch {
    waiting.unshift(...spans.slice(-2000));
  }
}

export function exporting(endpoint, headers) {
  setInterval(() => flush(endpoint, headers), EVERY_MS).unref();
}
