/** The answers that say no, as problem documents (RFC 9457). Throw one anywhere below a request. */

export class Problem extends Error {
  constructor(status, type, title, detail, headers = {}) {
    super(title);
    this.reply = {
      status,
      headers: { ...headers, 'Content-Type': 'application/problem+json' },
      body: JSON.stringify({ type: `/problems/${type}`, title, status, detail }),
    };
  }
}

const later = { 'Retry-After': '1' };

export const problems = {
  malformed: (detail) => new Problem(400, 'malformed', 'The request cannot be understood', detail),
  unauthorized: (detail, error) =>
    new Problem(401, 'unauthorized', 'A valid token is needed', detail, {
      'WWW-Authenticate': `Bearer realm="orders"${error ? `, error="${error}"` : ''}`,
    }),
  forbidden: (scope) =>
    new Problem(403, 'forbidden', 'The token lacks a scope', `${scope} is needed.`, {
      'WWW-Authenticate': `Bearer realm="orders", error="insufficient_scope", scope="${scope}"`,
    }),
  notFound: () => new Problem(404, 'not-found', 'Not found', 'There is nothing here.'),
  wrongMethod: (allow) => new Problem(405, 'wrong-method', 'Method not allowed', `Use ${allow}.`, { Allow: allow }),
  conflict: (type, title, detail, headers) => new Problem(409, type, title, detail, headers),
  inProgress: () =>
    new Problem(409, 'in-progress', 'In progress', 'A request with this key is being worked on.', later),
  wrongState: () => new Problem(412, 'wrong-state', 'Another state', 'If-Match does not name the current state.'),
  tooLarge: () => new Problem(413, 'too-large', 'Body too large', 'At most 48 KiB are taken.'),
  notJson: (detail) => new Problem(415, 'not-json', 'Unsupported media type', detail),
  invalid: (detail) => new Problem(422, 'invalid', 'A rule is broken', detail),
  keyReused: () => new Problem(422, 'key-reused', 'Key used before', 'This Idempotency-Key made another order.'),
  preconditionMissing: () =>
    new Problem(428, 'precondition-missing', 'If-Match is missing', 'Say which state you want to cancel.'),
  broken: () => new Problem(500, 'broken', 'Internal error', 'This is our fault, and it has been logged.'),
  unavailable: (type, detail) => new Problem(503, type, 'Try again later', detail, later),
  timedOut: () =>
    new Problem(504, 'inventory-silent', 'Timed out', 'The inventory service did not answer in time.', later),
};
