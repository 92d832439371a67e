/** The settings, read once from the environment; a missing one stops the start with a sentence. */

export function readConfig(env) {
  const need = (name) => {
    if (!env[name]) throw new Error(`${name} is not set`);
    return env[name];
  };
  return {
    port: Number(need('PORT')),
    dataDir: need('DATA_DIR'),
    inventoryUrl: need('INVENTORY_URL').replace(/\/+$/, ''),
    publicKey: need('AUTH_PUBLIC_KEY'),
    issuer: need('AUTH_ISSUER'),
    audience: need('AUTH_AUDIENCE'),
    tracesUrl: env.OTEL_EXPORTER_OTLP_ENDPOINT && `${env.OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/+$/, '')}/v1/traces`,
    tracesHeaders: parseHeaders(env.OTEL_EXPORTER_OTLP_HEADERS ?? ''),
  };
}

/** `a=1,b=2`, values percent-encoded, as the OpenTelemetry specification has it. */
function parseHeaders(text) {
  const pairs = text.split(',').filter((pair) => pair.includes('='));
  return Object.fromEntries(pairs.map((pair) => {
    const [name, ...value] = pair.split('=');
    return [name.trim().toLowerCase(), decodeURIComponent(value.join('=').trim())];
  }));
}
