/** One HTTP exchange as a client: bounded in time and size, on kept connections. */

import http from 'node:http';

const MAX_ANSWER = 64 * 1024;

/**
 * `{status, headers, body}`. Rejects when there is no whole answer: `timedOut` on the error says whether time was up.
 */
export function exchange(agent, url, { method = 'GET', headers = {}, body, timeoutMs }) {
  const signal = AbortSignal.timeout(Math.max(1, Math.round(timeoutMs)));
  return new Promise((resolve, reject) => {
    const fail = (error) => reject(Object.assign(error, { timedOut: signal.aborted }));
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const request = http.request(url, { method, agent, signal, headers: { ...headers, ...length } }, (answer) => {
      const chunks = [];
      let size = 0;
      answer.on('data', (chunk) => {
        size += chunk.length;
        if (size > MAX_ANSWER) request.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      answer.on('error', fail);
      answer.on('end', () =>
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString() }),
      );
    });
    request.on('error', fail);
    request.end(body);
  });
}
