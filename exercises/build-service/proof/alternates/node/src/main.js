/** Puts the parts together, starts, and stops in order. */

import { Gate } from './auth.js';
import { readConfig } from './config.js';
import { Inventory } from './inventory.js';
import { log } from './logs.js';
import { Metrics } from './metrics.js';
import { Orders } from './orders.js';
import { Readiness } from './readiness.js';
import { routes } from './routes.js';
import { Server } from './server.js';
import { Store } from './store.js';
import { Tracer } from './telemetry.js';

const FLUSH_MS = 2500;

async function start() {
  const config = readConfig(process.env);
  const store = new Store(config.dataDir);
  const metrics = new Metrics();
  const tracer = new Tracer(config.tracesUrl, config.tracesHeaders);
  const inventory = new Inventory(config.inventoryUrl, metrics);
  const find = routes({
    orders: new Orders(store, inventory),
    readiness: new Readiness(store, inventory),
    metrics,
  });
  const server = new Server({ gate: new Gate(config), find, metrics, tracer });
  await server.listen(config.port);
  log('info', 'listening', { port: config.port, node: process.version });

  let stopping = false;
  const stop = async (signal) => {
    if (stopping) return;
    stopping = true;
    log('info', 'stopping', { signal });
    await server.drain();
    await tracer.stop(FLUSH_MS);
    store.close();
    log('info', 'stopped');
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

start().catch((error) => {
  log('error', 'cannot start', { error: error.message });
  process.exit(1);
});
