// A stand-in for Apple's push service: HTTP/2 over TLS, strict about whom it believes. Written from Apple's
// documentation; `apns2` and `aioapns`, which are others' work, check it before our provider meets it.
// Arguments: files with the certificate, its key, and the private key whose tokens it believes.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http2 from 'node:http2';
import { listen, load, obey, read, say } from './stand_in.mjs';

const { decodeProtectedHeader, jwtVerify } = await load('jose');
const [certificate, certificateKey, signingKey] = process.argv.slice(2).map((file) => fs.readFileSync(file, 'utf8'));
const [TEAM, KEY, TOPIC] = ['TEAM123456', 'ABC1234567', 'com.example.chat'];
const TOKEN_LIFE_S = 3_600;
const publicKey = crypto.createPublicKey(signingKey);

/** Devices whose first request was told that the token had expired. */
const expired = new Set();

class Refusal extends Error {
  constructor(status, reason, more = {}) {
    super(reason);
    Object.assign(this, { status, more });
  }
}

const checkToken = async (headers, device) => {
  const token = /^bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (!token) throw new Refusal(403, 'MissingProviderToken');
  let claims;
  try {
    if (decodeProtectedHeader(token).kid !== KEY) throw new Error('another key');
    const options = { algorithms: ['ES256'], issuer: TEAM, requiredClaims: ['iat'] };
    claims = (await jwtVerify(token, publicKey, options)).payload;
  } catch {
    throw new Refusal(403, 'InvalidProviderToken');
  }
  if (Date.now() / 1_000 - claims.iat > TOKEN_LIFE_S) throw new Refusal(403, 'ExpiredProviderToken');
  // A device for tests: as if an hour had passed.
  if (device.startsWith('01d') && !expired.has(device)) {
    expired.add(device);
    throw new Refusal(403, 'ExpiredProviderToken');
  }
};

const checkHeaders = (headers) => {
  if (!headers['apns-topic']) throw new Refusal(400, 'MissingTopic');
  if (headers['apns-topic'] !== TOPIC) throw new Refusal(400, 'TopicDisallowed');
  if (!['alert', 'background'].includes(headers['apns-push-type'])) throw new Refusal(400, 'InvalidPushType');
  if (!['1', '5', '10', undefined].includes(headers['apns-priority'])) throw new Refusal(400, 'BadPriority');
  if (!/^\d*$/.test(headers['apns-expiration'] ?? '')) throw new Refusal(400, 'BadExpirationDate');
  if (Buffer.byteLength(headers['apns-collapse-id'] ?? '') > 64) throw new Refusal(400, 'BadCollapseId');
  if (!/^([0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12})?$/i.test(headers['apns-id'] ?? '')) {
    throw new Refusal(400, 'BadMessageId');
  }
};

const checkPayload = (body) => {
  if (body.length === 0) throw new Refusal(400, 'PayloadEmpty');
  if (body.length > 4_096) throw new Refusal(413, 'PayloadTooLarge');
  const payload = JSON.parse(body.toString());
  if (typeof payload.aps !== 'object') throw new Refusal(400, 'PayloadEmpty');
  return payload;
};

const checkDevice = (device) => {
  if (device.length < 64) throw new Refusal(400, 'BadDeviceToken');
  if (device.startsWith('dead')) throw new Refusal(410, 'Unregistered', { timestamp: Date.now() });
  if (device.startsWith('f0e')) throw new Refusal(400, 'DeviceTokenNotForTopic');
  if (device.startsWith('b5')) throw new Refusal(429, 'TooManyRequests');
};

const take = async (stream, headers) => {
  const id = headers['apns-id'] ?? crypto.randomUUID().toUpperCase();
  const body = await read(stream);
  try {
    const device = /^\/3\/device\/([0-9a-f]+)$/i.exec(headers[':path'])?.[1];
    if (headers[':method'] !== 'POST') throw new Refusal(405, 'MethodNotAllowed');
    if (!device) throw new Refusal(404, 'BadPath');
    await checkToken(headers, device);
    checkHeaders(headers);
    const payload = checkPayload(body);
    checkDevice(device);
    stream.respond({ ':status': 200, 'apns-id': id });
    stream.end();
    say({ took: { device, id, payload, type: headers['apns-push-type'] } });
  } catch (error) {
    if (!(error instanceof Refusal)) say({ broken: String(error.stack) });
    stream.respond({ ':status': error.status ?? 500, 'apns-id': id, 'content-type': 'application/json' });
    stream.end(JSON.stringify({ reason: error.message, ...error.more }));
  }
};

const server = http2.createSecureServer({ cert: certificate, key: certificateKey });
server.on('stream', (stream, headers) => take(stream, headers));
const port = await listen(server);
say({ base: `https://localhost:${port}`, port, team: TEAM, key: KEY, topic: TOPIC });
obey();
