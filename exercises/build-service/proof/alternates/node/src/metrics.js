/** Rate, errors and duration by route, and the calls to the inventory, in the Prometheus text format 0.0.4. */

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

const HELP = {
  http_requests_total: 'Requests answered.',
  inventory_calls_total: 'Calls to the inventory service, every attempt for itself.',
};

const line = (name, labels, value) =>
  `${name}{${Object.entries(labels).map(([key, text]) => `${key}="${text}"`).join(',')}} ${value}`;

export class Metrics {
  #counters = new Map(Object.keys(HELP).map((name) => [name, new Map()]));
  #durations = new Map();
  inFlight = 0;

  count(name, labels) {
    const series = this.#counters.get(name);
    const key = JSON.stringify(labels);
    const entry = series.get(key) ?? { labels, value: 0 };
    entry.value += 1;
    series.set(key, entry);
  }

  /** `labels` must be of bounded variety: a route's template, never a path. */
  answered(labels, seconds) {
    this.count('http_requests_total', labels);
    const key = JSON.stringify(labels);
    const entry = this.#durations.get(key) ?? { labels, sum: 0, count: 0, buckets: BUCKETS.map(() => 0) };
    entry.sum += seconds;
    entry.count += 1;
    BUCKETS.forEach((bound, index) => {
      if (seconds <= bound) entry.buckets[index] += 1;
    });
    this.#durations.set(key, entry);
  }

  render() {
    const lines = [];
    for (const [name, series] of this.#counters) {
      lines.push(`# HELP ${name} ${HELP[name]}`, `# TYPE ${name} counter`);
      for (const { labels, value } of series.values()) lines.push(line(name, labels, value));
    }
    const duration = 'http_request_duration_seconds';
    lines.push(`# HELP ${duration} Time to answer.`, `# TYPE ${duration} histogram`);
    for (const { labels, sum, count, buckets } of this.#durations.values()) {
      BUCKETS.forEach((bound, index) => lines.push(line(`${duration}_bucket`, { ...labels, le: bound }, buckets[index])));
      lines.push(line(`${duration}_bucket`, { ...labels, le: '+Inf' }, count));
      lines.push(line(`${duration}_sum`, labels, sum), line(`${duration}_count`, labels, count));
    }
    lines.push('# HELP http_requests_in_flight Requests being worked on.', '# TYPE http_requests_in_flight gauge');
    lines.push(`http_requests_in_flight ${this.inFlight}`);
    const { user, system } = process.cpuUsage();
    lines.push('# HELP process_cpu_seconds_total Processor time.', '# TYPE process_cpu_seconds_total counter');
    lines.push(`process_cpu_seconds_total ${(user + system) / 1e6}`);
    lines.push('# HELP process_resident_memory_bytes Memory.', '# TYPE process_resident_memory_bytes gauge');
    lines.push(`process_resident_memory_bytes ${process.memoryUsage.rss()}`);
    return `${lines.join('\n')}\n`;
  }
}
