// What the scripts beside this one share: packages of the folder they are started in, HTTP on a free port of the
// loopback address, and a line of JSON for each thing that the test has to know.
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const packages = createRequire(path.resolve('package.json'));

/** A package of the folder that the script was started in, as `require` gives it. */
export const load = async (name) => {
  try {
    return packages(name);
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM') throw error;
    return import(pathToFileURL(packages.resolve(name)));
  }
};

/** Tells the test something. */
export const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** Has `server` listen on a free port, and gives the port. */
export const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

/** The whole body of a request. */
export const read = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
};

/** Answers with JSON. */
export const answer = (response, status, value, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
};

/** Serves HTTP/1.1 with `handle(request, response, body)`, and gives the base URL. */
export const serve = async (handle) => {
  const server = http.createServer(async (request, response) => {
    try {
      await handle(request, response, await read(request));
    } catch (error) {
      say({ broken: String(error?.stack ?? error) });
      response.writeHead(500).end();
    }
  });
  return `http://127.0.0.1:${await listen(server)}`;
};

/** Hands each line that the test writes to `take`; the script ends with the test's end of the pipe. */
export const obey = (take = () => {}, end = () => {}) => {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => Promise.resolve(take(JSON.parse(line))).catch((error) => say({ broken: String(error) })));
  lines.on('close', async () => {
    await end();
    process.exit(0);
  });
};
