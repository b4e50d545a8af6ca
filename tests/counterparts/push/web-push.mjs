// npm web-push-testing is a push service with browsers behind it: it checks the signature, opens the message, and
// refuses what is not in order. This hands its subscription to push-webpush, and asks it what arrived.
// Arguments: the tool warbler-plugin, the package, the plugin's folder. Runs in the folder with node_modules.
import { spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

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
const address = { endpoint: subscription.endpoint.replace('localhost', '127.0.0.1'), keys: subscription.keys };

const deliver = (name, outcome, key = vapid) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warbler-cases-'));
  const given = {
    config: { subject: 'mailto:push@example.com', push_service: base },
    secrets: { vapid_key: key.getPrivateKey('base64url') },
  };
  const notifications = [{ address, title: '张三', body: TEXT }];
  fs.writeFileSync(path.join(folder, 'case.json'), JSON.stringify({ name, given, notifications, expect: { outcomes: [outcome] } }));
  const options = ['test', pkg, '--cases-only', '--cases', folder, '--allow', `127.0.0.1:${port}`];
  const run = spawnSync(tool, options, { cwd: plugin, encoding: 'utf8' });
  fs.rmSync(folder, { recursive: true });
  if (run.status !== 0) throw new Error(run.stdout + run.stderr);
  console.log(run.stdout);
};

deliver('an independent push service takes the message', 'accepted');
const arrived = await call('/get-notifications', { clientHash: subscription.clientHash });
if (!arrived.includes(TEXT)) throw new Error(`it opened something else: ${arrived}`);
deliver('it refuses a key that the browser was not subscribed with', 'rejected', newKey());
await call(`/expire-subscription/${subscription.clientHash}`);
deliver('a subscription that it ended is gone', 'gone');
process.exit(0);
