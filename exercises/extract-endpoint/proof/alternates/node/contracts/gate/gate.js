/** The gate: walks both documents side by side, knowing for each schema whether it is told or asked for. */

import http from 'node:http';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];
const whole = (root, node) => {
  let found = node ?? {};
  while (found.$ref) found = found.$ref.slice(2).split('/').reduce((place, step) => place?.[step], root) ?? {};
  return found;
};

function breaks(old, recent) {
  const found = [];
  const say = (where, what) => found.push(`${where}: ${what}`);

  function schema(where, before, after, asked, depth = 0) {
    const one = whole(old, before);
    const other = whole(recent, after);
    if (depth > 15) return;
    if (String(one.type) !== String(other.type)) say(where, `${one.type} became ${other.type}`);
    const needed = one.required ?? [];
    const needs = other.required ?? [];
    for (const name of asked ? needs.filter((each) => !needed.includes(each)) : needed.filter((each) => !needs.includes(each))) {
      say(where, asked ? `${name} is needed` : `${name} may be absent`);
    }
    for (const [name, inner] of Object.entries(one.properties ?? {})) {
      if (!other.properties?.[name]) say(where, `${name} is gone`);
      else schema(`${where}.${name}`, inner, other.properties[name], asked, depth + 1);
    }
    if (one.items && other.items) schema(`${where}[]`, one.items, other.items, asked, depth + 1);
    if (!asked) return;
    for (const name of ['maximum', 'maxLength', 'maxItems']) {
      if (name in other && !(other[name] >= one[name])) say(where, `${name} is narrower`);
    }
    for (const name of ['minimum', 'minLength', 'minItems']) {
      if (name in other && !(other[name] <= (one[name] ?? 0))) say(where, `${name} is narrower`);
    }
  }

  const parameters = (root, item, operation) =>
    new Map([...(item.parameters ?? []), ...(operation.parameters ?? [])].map((each) => {
      const told = whole(root, each);
      return [`${told.in} ${told.name}`, told];
    }));

  for (const [path, item] of Object.entries(old.paths)) {
    for (const method of METHODS.filter((each) => item[each])) {
      const where = `${method} ${path}`;
      const operation = item[method];
      const next = recent.paths[path]?.[method];
      if (!next) {
        say(where, 'is gone');
        continue;
      }
      const before = parameters(old, item, operation);
      for (const [name, told] of parameters(recent, recent.paths[path], next)) {
        if (told.required && !before.get(name)?.required) say(where, `${name} is needed`);
        else if (before.has(name)) schema(`${where} ${name}`, before.get(name).schema, told.schema, true);
      }
      const sent = whole(old, operation.requestBody).content?.['application/json'];
      const taken = whole(recent, next.requestBody);
      if (sent && taken.content?.['application/json']) {
        schema(`${where} body`, sent.schema, taken.content['application/json'].schema, true);
      } else if (taken.required) say(where, 'a body is needed');
      for (const [status, answer] of Object.entries(operation.responses ?? {})) {
        if (!next.responses?.[status]) say(where, `${status} is gone`);
        const told = whole(old, answer).content?.['application/json'];
        const tells = whole(recent, next.responses?.[status]).content?.['application/json'];
        if (told && tells) schema(`${where} ${status}`, told.schema, tells.schema, false);
        else if (told) say(where, `${status} tells nothing`);
      }
    }
  }
  return found;
}

http.createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  let body = { ready: true };
  let status = 200;
  if (request.method === 'POST') {
    try {
      const asked = JSON.parse(Buffer.concat(pieces).toString());
      const found = breaks(asked.old, asked.new);
      body = { compatible: found.length === 0, breaks: found };
    } catch (error) {
      status = 400;
      body = { error: String(error) };
    }
  }
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}).listen(Number(process.env.PORT), '127.0.0.1');
