/** Calls to others, with a limit of time and on connections that are kept. */

import http from 'node:http';

const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });

export function call(method, url, { headers = {}, body, ms = 2200 } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => done(resolve, { status: answer.statusCode, text: Buffer.concat(pieces).toString() }));
      answer.on('error', (error) => done(reject, error));
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${ms} ms`)), ms);
    const done = (settle, value) => {
      clearTimeout(timer);
      settle(value);
    };
    request.on('error', (error) => done(reject, error));
    request.end(body);
  });
}
