// OpenTelemetry's own SDK for JavaScript: node otlp.js json|proto URL TOKEN
'use strict';
const { SpanKind, SpanStatusCode, context, trace } = require('@opentelemetry/api');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const [format, url, token] = process.argv.slice(2);
const exporters = { json: '@opentelemetry/exporter-trace-otlp-http', proto: '@opentelemetry/exporter-trace-otlp-proto' };
const { OTLPTraceExporter } = require(exporters[format]);

async function main() {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'node-service' }),
    spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url, headers: { 'x-ingest-token': token } }))],
  });
  const tracer = provider.getTracer('interop');
  const root = tracer.startSpan('GET /things', {
    kind: SpanKind.SERVER,
    attributes: { 'http.route': '/things', count: 7, part: 0.5, yes: true, list: ['a', 'b'] },
  });
  const above = trace.setSpan(context.active(), root);
  const child = tracer.startSpan('query', { kind: SpanKind.CLIENT, links: [{ context: root.spanContext() }] }, above);
  child.recordException(new TypeError('no'));
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' });
  child.end();
  root.end();
  await provider.forceFlush();
  await provider.shutdown();
  const { traceId, spanId } = root.spanContext();
  const seconds = ([whole, nanos]) => whole + nanos / 1e9;
  const times = [root, child].map((span) => [seconds(span.startTime), seconds(span.endTime)]);
  console.log(JSON.stringify({ trace: traceId, root: spanId, child: child.spanContext().spanId, times }));
}

main();
