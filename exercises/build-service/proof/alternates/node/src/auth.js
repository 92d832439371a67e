/** Who calls, and what for: bearer tokens (RFC 6750), JWT signed with RS256 (RFC 7519, RFC 7515). */

import { createPublicKey, verify } from 'node:crypto';
import { problems } from './problems.js';

const COMPACT = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;

export class Gate {
  #key;
  #issuer;
  #audience;

  constructor({ publicKey, issuer, audience }) {
    this.#key = createPublicKey(publicKey);
    this.#issuer = issuer;
    this.#audience = audience;
  }

  /** The caller (`sub`); throws 401 or 403. */
  admit(authorization, scope) {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (!token) throw problems.unauthorized('Send Authorization: Bearer with a token of the gateway.');
    const claims = this.#claims(token);
    if (!claims) throw problems.unauthorized('The token is not valid (any more).', 'invalid_token');
    const scopes = typeof claims.scope === 'string' ? claims.scope.split(' ') : [];
    if (!scopes.includes(scope)) throw problems.forbidden(scope);
    return claims.sub;
  }

  #claims(token) {
    const parts = COMPACT.exec(token);
    if (!parts) return null;
    const [, header, payload, signature] = parts;
    const { alg, crit } = decode(header);
    // The algorithm is ours to choose, never the token's.
    if (alg !== 'RS256' || crit !== undefined) return null;
    const signed = Buffer.from(`${header}.${payload}`);
    if (!verify('RSA-SHA256', signed, this.#key, Buffer.from(signature, 'base64url'))) return null;
    const claims = decode(payload);
    return this.#holds(claims) ? claims : null;
  }

  #holds({ iss, aud, exp, nbf, sub }) {
    const now = Date.now() / 1000;
    return (
      iss === this.#issuer &&
      [aud].flat().includes(this.#audience) &&
      typeof exp === 'number' && exp > now &&
      (nbf === undefined || (typeof nbf === 'number' && nbf <= now)) &&
      typeof sub === 'string' && sub !== ''
    );
  }
}

function decode(part) {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) ?? {};
  } catch {
    return {};
  }
}
