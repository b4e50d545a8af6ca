// Debian's Firefox as the receiver of Web Push. The browser is Mozilla's, and so are its keys, its decryption and its
// service worker; the push service between is this script: RFC 8030 towards the sender, whose signature (RFC 8292) it
// checks, and the protocol of Mozilla's own push service towards the browser. It opens nothing that it passes on.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { listen, load, obey, read, say } from './stand_in.mjs';

const { default: puppeteer } = await load('puppeteer-core');
const { WebSocketServer } = await load('ws');
const { importJWK, jwtVerify } = await load('jose');

/** The subscriptions: by their names, the keys that their senders sign with. */
const subscriptions = new Map();
let browserSide;
let corruptNext = false;

const WORKER = `
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(clients.claim()));
self.addEventListener('push', (event) =>
  event.waitUntil((async () => {
    const text = event.data.text();
    await fetch('/opened', { method: 'POST', body: text });
    await self.registration.showNotification(JSON.parse(text).title, { body: JSON.parse(text).body });
  })()));
`;

const checkSender = async (headers, origin, subscribedWith) => {
  const { token, key } = /^vapid t=(?<token>[^,]+), k=(?<key>.+)$/.exec(headers.authorization ?? '')?.groups ?? {};
  if (!token) throw new Error('nobody signed it');
  if (key !== subscribedWith) throw new Error('the browser was subscribed with another key');
  const point = Buffer.from(key, 'base64url');
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'));
  const options = { audience: origin, algorithms: ['ES256'], requiredClaims: ['exp', 'sub'] };
  const { payload } = await jwtVerify(token, await importJWK({ kty: 'EC', crv: 'P-256', x, y }, 'ES256'), options);
  if (payload.exp > Date.now() / 1000 + 24 * 3600) throw new Error('the token is good for too long');
};

const takeMessage = async (request, response, body, name) => {
  const refuse = (status, why) => say({ refused: why }) ?? response.writeHead(status).end(why);
  if (!subscriptions.has(name)) return response.writeHead(410).end();
  if (!/^\d+$/.test(request.headers.ttl ?? '')) return refuse(400, 'there is no TTL');
  if (request.headers['content-encoding'] !== 'aes128gcm') return refuse(400, 'another encoding than aes128gcm');
  try {
    await checkSender(request.headers, `http://${request.headers.host}`, subscriptions.get(name));
  } catch (error) {
    return refuse(403, error.message);
  }
  if (corruptNext) body[body.length - 1] ^= 1;
  corruptNext = false;
  const version = crypto.randomUUID();
  const headers = { encoding: 'aes128gcm' };
  const data = body.toString('base64url');
  browserSide.send(JSON.stringify({ messageType: 'notification', channelID: name, version, data, headers }));
  response.writeHead(201, { location: `/message/${version}`, ttl: request.headers.ttl }).end();
};

const server = http.createServer(async (request, response) => {
  const body = await read(request);
  const [, name] = /^\/push\/(.+)$/.exec(request.url) ?? [];
  if (name && request.method === 'POST') return takeMessage(request, response, body, name);
  if (request.url === '/opened') {
    say({ opened: JSON.parse(body.toString()) });
    return response.end();
  }
  const script = request.url === '/worker.js';
  response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
  response.end(script ? WORKER : '<!doctype html><title>Away</title>');
});
const origin = `http://127.0.0.1:${await listen(server)}`;

const socketServer = http.createServer();
const sockets = new WebSocketServer({ server: socketServer, handleProtocols: (offered) => [...offered][0] ?? false });
sockets.on('connection', (socket) => {
  const reply = (value) => socket.send(JSON.stringify({ status: 200, ...value }));
  socket.on('message', (data) => {
    const { messageType, channelID, uaid, key, updates } = JSON.parse(data);
    if (messageType === 'hello') {
      browserSide = socket;
      reply({ messageType, uaid: uaid || crypto.randomUUID().replaceAll('-', ''), use_webpush: true, broadcasts: {} });
    } else if (messageType === 'register') {
      subscriptions.set(channelID, key?.replace(/=+$/, ''));
      reply({ messageType, channelID, pushEndpoint: `${origin}/push/${channelID}` });
    } else if (messageType === 'unregister') {
      subscriptions.delete(channelID);
      reply({ messageType, channelID });
      say({ unsubscribed: true });
    } else if (messageType === 'ack') {
      // 100: delivered; 101: it could not be opened.
      updates.forEach(({ code }) => say({ acknowledged: code }));
    }
  });
});

const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'warbler-firefox-'));
const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath: '/usr/bin/firefox-esr',
  headless: true,
  userDataDir: profile,
  extraPrefsFirefox: {
    'dom.push.serverURL': `ws://127.0.0.1:${await listen(socketServer)}/`,
    'dom.push.testing.allowInsecureServerURL': true,
    'dom.push.connection.enabled': true,
    'dom.push.enabled': true,
    'dom.push.alwaysConnect': true,
    'dom.webnotifications.enabled': true,
    'permissions.default.desktop-notification': 1,
    // It asks nobody but this script.
    'app.update.enabled': false,
    'browser.region.update.enabled': false,
    'browser.safebrowsing.update.enabled': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'extensions.update.enabled': false,
    'media.gmp-manager.updateEnabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'services.settings.server': 'data:,#remote-settings-dummy/v1',
    'toolkit.telemetry.enabled': false,
  },
});
const page = await browser.newPage();
await page.goto(origin);

const subscribe = (key) =>
  page.evaluate(async (applicationServerKey) => {
    const worker = await navigator.serviceWorker.register('/worker.js');
    await navigator.serviceWorker.ready;
    const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
    return subscription.toJSON();
  }, key);

const unsubscribe = () =>
  page.evaluate(async () => {
    const worker = await navigator.serviceWorker.ready;
    await (await worker.pushManager.getSubscription()).unsubscribe();
  });

say({ origin, browser: await browser.version() });
obey(
  async (order) => {
    if (order.subscribe) say({ subscribed: await subscribe(order.subscribe) });
    if (order.corrupt) {
      corruptNext = true;
      say({ corrupting: true });
    }
    if (order.unsubscribe) await unsubscribe();
  },
  async () => {
    await browser.close();
    fs.rmSync(profile, { recursive: true, force: true });
  },
);
