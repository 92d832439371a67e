// Jaeger's client for Node, which sends binary thrift over UDP: node jaeger.js PORT 64|128
'use strict';
const { initTracer, opentracing } = require('jaeger-client');

const [port, bits] = process.argv.slice(2);
const config = {
  serviceName: 'node-legacy',
  sampler: { type: 'const', param: 1 },
  traceId128bit: bits === '128',
  reporter: { agentHost: '127.0.0.1', agentPort: Number(port), flushIntervalMs: 50 },
};
const tracer = initTracer(config, { tags: { hostname: 'h', ip: '10.0.0.1' } });
const root = tracer.startSpan('GET /prices', { tags: { 'span.kind': 'server', 'http.status_code': 200, text: 'é', part: 0.5 } });
const child = tracer.startSpan('query', { childOf: root, tags: { 'span.kind': 'client', error: true } });
child.log({ event: 'retry', attempt: 2 });
child.finish();
const follower = tracer.startSpan('later', { references: [opentracing.followsFrom(root.context())] });
follower.finish();
root.finish();
tracer.close(() => {
  const [of, above, below, after] = [root.context().traceIdStr, ...[root, child, follower].map((span) => span.context().spanIdStr)];
  console.log(JSON.stringify({ trace: of, root: above, child: below, follower: after }));
});
