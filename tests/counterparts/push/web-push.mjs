// npm web-push-testing is a push service with browsers behind it: it checks the signature, opens the message, and
// refuses what is not in order. This hands its subscription to push-webpush, and asks it what arrived. A proxy
// between them spoils some messages on their way, to see that it does refuse.
// Arguments: the tool warbler-plugin, the package, the plugin's folder, a script that keeps node on the loopback.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { serve } from './stand_in.mjs';

const [tool, pkg, plugin, preload] = process.argv.slice(2);
const TEXT = '你好，世界 🎉';

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const port = await freePort();
const base = `http://127.0.0.1:${port}`;
const program = path.resolve('node_modules/web-push-testing/src/bin/server.js');
const server = spawn('node', ['--require', preload, program, String(port)], { stdio: 'ignore' });
process.on('exit', () => server.kill());

/** How a message is spoiled, by the first part of the path that it takes. */
const SPOILS = {
  forged: ({ headers }) => {
    const [, claims, first, rest] = /^(vapid t=[^.]+\.[^.]+\.)(.)(.*)$/.exec(headers.authorization);
    headers.authorization = claims + (first === 'A' ? 'B' : 'A') + rest;
  },
  endless: ({ headers }) => delete headers.ttl,
  flipped: ({ body }) => (body[body.length - 1] ^= 1),
};
const spoiled = {};

const proxy = await serve(async ({ url, headers: asked }, response, body) => {
  const [, how, rest] = /^\/([^/]+)(\/.*)$/.exec(url);
  const { host, connection, 'content-length': length, ...headers } = asked;
  SPOILS[how]({ headers, body });
  const answer = await fetch(base + rest, { method: 'POST', headers, body });
  spoiled[how] = answer.status;
  response.writeHead(answer.status).end(await answer.text());
});

const call = async (route, body = {}) => {
  const headers = { 'content-type': 'application/json', connection: 'close' };
  const response = await fetch(base + route, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.text();
};

const ready = async () => {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      return await call('/status');
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error('web-push-testing does not answer');
};

const newKey = () => {
  const key = crypto.createECDH('prime256v1');
  key.generateKeys();
  return key;
};

await ready();
const vapid = newKey();
const applicationServerKey = vapid.getPublicKey('base64url');
const subscription = JSON.parse(await call('/subscribe', { userVisibleOnly: 'true', applicationServerKey })).data;
const endpoint = subscription.endpoint.replace('localhost', '127.0.0.1');

const given = (key, service) => ({
  config: { subject: 'mailto:push@example.com', push_service: service },
  secrets: { vapid_key: key.getPrivateKey('base64url') },
});
const attempt = (name, outcome, { key = vapid, service = base, to = endpoint } = {}) => ({
  name,
  given: given(key, service),
  notifications: [{ address: { endpoint: to, keys: subscription.keys }, title: '张三', body: TEXT }],
  expect: { outcomes: [outcome] },
});

const play = async (cases) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warbler-cases-'));
  fs.writeFileSync(path.join(folder, 'cases.json'), JSON.stringify(cases));
  const allowed = [base, proxy].flatMap((url) => ['--allow', new URL(url).host]);
  const child = spawn(tool, ['test', pkg, '--cases-only', '--cases', folder, ...allowed], { cwd: plugin });
  let said = '';
  child.stdout.on('data', (data) => (said += data));
  child.stderr.on('data', (data) => (said += data));
  const status = await new Promise((resolve) => child.on('close', resolve));
  fs.rmSync(folder, { recursive: true });
  if (status !== 0) throw new Error(said);
  console.log(said);
};

const throughProxy = (how) => ({ service: proxy, to: endpoint.replace(base, `${proxy}/${how}`) });
await play([
  attempt('an independent push service takes the message', 'accepted'),
  attempt('it refuses a key that the browser was not subscribed with', 'rejected', { key: newKey() }),
  attempt('it refuses a token that was forged on the way', 'rejected', throughProxy('forged')),
  attempt('it refuses a message without a time to live', 'rejected', throughProxy('endless')),
  attempt('it refuses a message of which one bit changed', 'rejected', throughProxy('flipped')),
]);
const statuses = JSON.stringify(spoiled);
if (statuses !== JSON.stringify({ forged: 400, endless: 400, flipped: 400 })) throw new Error(`it took ${statuses}`);
const arrived = await call('/get-notifications', { clientHash: subscription.clientHash });
if (!arrived.includes(TEXT)) throw new Error(`it opened something else: ${arrived}`);
await call(`/expire-subscription/${subscription.clientHash}`);
await play([attempt('a subscription that it ended is gone', 'gone')]);
process.exit(0);
