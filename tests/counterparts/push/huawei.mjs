// A stand-in for Huawei's push service: the interface of Android devices (v1, and the one before it, which is what
// npm push-huawei speaks), that of HarmonyOS (v3), and the token endpoint of Huawei's accounts. Written from the
// vendor's documentation. Argument: a file with the private key of the service account.
import crypto from 'node:crypto';
import fs from 'node:fs';
import { answer, load, obey, say, serve } from './stand_in.mjs';

const { decodeProtectedHeader, jwtVerify } = await load('jose');
const privateKey = fs.readFileSync(process.argv[2], 'utf8');
const publicKey = crypto.createPublicKey(privateKey);
const [APP, SECRET, PROJECT, KEY, ACCOUNT] = ['100200300', 'huawei-app-secret', '99536292', 'k1', '101234567'];
const AUDIENCE = 'https://oauth-login.cloud.huawei.com/oauth2/v3/token';
const CODES = { fine: '80000000', partly: '80100000', dead: '80300007', token: '80200001', expired: '80200003' };

const good = new Set();

const giveToken = (response, form) => {
  const { grant_type: grant, client_id: id, client_secret: secret } = Object.fromEntries(form);
  if (grant !== 'client_credentials') return answer(response, 400, { error: 1101, error_description: 'grant_type' });
  if (id !== APP || secret !== SECRET) return answer(response, 401, { error: 1101, error_description: 'client' });
  const token = crypto.randomUUID();
  good.add(token);
  return answer(response, 200, { access_token: token, expires_in: 3_600, token_type: 'Bearer' });
};

const reply = (response, code, msg, status = 200) => answer(response, status, { code, msg, requestId: '157440955549500001' });

/** What the vendor says of these devices. */
const judge = (response, devices) => {
  const dead = devices.filter((device) => device.startsWith('dead'));
  if (devices.some((device) => device.startsWith('busy'))) return reply(response, '', 'flow control', 503);
  if (dead.length === 0) return reply(response, CODES.fine, 'Success');
  if (dead.length === devices.length) return reply(response, CODES.dead, 'All tokens are invalid');
  // The text is itself JSON.
  const told = { success: devices.length - dead.length, failure: dead.length, illegal_tokens: dead };
  return reply(response, CODES.partly, JSON.stringify(told));
};

const hasNull = (value) =>
  value === null || (typeof value === 'object' && Object.values(value).some((part) => hasNull(part)));

const sendHms = (response, app, token, { validate_only: only, message }) => {
  if (!good.has(token)) return reply(response, CODES.token, 'Oauth authentication error', 401);
  if (app !== APP) return reply(response, '80300002', 'The app has no right');
  const ttl = message?.android?.ttl ?? '1s';
  if (only === undefined || hasNull(message) || !Array.isArray(message?.token) || !/^\d+(\.\d+)?s$/.test(ttl)) {
    return reply(response, '80100003', 'Incorrect message structure');
  }
  // A device for tests: after it the token is good no more.
  if (message.token[0].startsWith('last')) good.delete(token);
  say({ took: { title: message.notification?.title, body: message.notification?.body } });
  return judge(response, message.token);
};

const sendBefore = (response, form) => {
  if (!good.has(form.get('access_token'))) return reply(response, CODES.token, 'Oauth authentication error');
  return judge(response, JSON.parse(form.get('device_token_list')));
};

const sendHarmony = async (response, project, token, pushType, { payload, target }) => {
  try {
    if (decodeProtectedHeader(token).kid !== KEY) throw new Error('another key');
    const options = { algorithms: ['PS256'], audience: AUDIENCE, issuer: ACCOUNT, requiredClaims: ['iat', 'exp'] };
    await jwtVerify(token, publicKey, options);
  } catch (error) {
    return reply(response, '80200005', error.message, 401);
  }
  if (project !== PROJECT) return reply(response, '80300002', 'The project has no right');
  if (pushType !== '0' || hasNull(payload) || !payload?.notification?.category || !Array.isArray(target?.token)) {
    return reply(response, '80100003', 'Incorrect message structure');
  }
  if (target.token[0].startsWith('foreign')) {
    const illegalTokens = { noRight: target.token, tokenFormatError: [] };
    return reply(response, CODES.partly, JSON.stringify({ success: 0, failure: 1, illegalTokens }));
  }
  say({ took: { title: payload.notification.title, body: payload.notification.body } });
  return judge(response, target.token);
};

const base = await serve((request, response, body) => {
  const text = body.toString();
  const { pathname } = new URL(request.url, 'http://here');
  if (['/oauth2/v3/token', '/oauth2/v2/token'].includes(pathname)) return giveToken(response, new URLSearchParams(text));
  if (pathname === '/pushsend.do') return sendBefore(response, new URLSearchParams(text));
  const [, version, owner] = /^\/(v1|v3)\/([^/]+)\/messages:send$/.exec(pathname) ?? [];
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (version === 'v1') return sendHms(response, owner, token, JSON.parse(text));
  if (version === 'v3') return sendHarmony(response, owner, token, request.headers['push-type'], JSON.parse(text));
  return response.writeHead(404).end();
});
const account = { project_id: PROJECT, key_id: KEY, private_key: privateKey, sub_account: ACCOUNT };
say({ base, app: APP, secret: SECRET, account });
obey();
