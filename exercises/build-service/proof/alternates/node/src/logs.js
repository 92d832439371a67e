/** One JSON object per line on standard output, and nothing else there. */

// Nobody reads any more: no reason to end.
process.stdout.on('error', () => {});

export function log(level, message, fields = {}) {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
}
