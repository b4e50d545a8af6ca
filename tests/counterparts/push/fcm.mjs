// A stand-in for Firebase Cloud Messaging, HTTP v1, with the token endpoint of Google's accounts (RFC 7523). Written
// from the documentation; Google's own `firebase-admin` checks it before our provider meets it.
// Argument: a file with the private key of the service account.
import crypto from 'node:crypto';
import fs from 'node:fs';
import { answer, load, obey, say, serve } from './stand_in.mjs';

const { decodeProtectedHeader, jwtVerify } = await load('jose');
const privateKey = fs.readFileSync(process.argv[2], 'utf8');
const publicKey = crypto.createPublicKey(privateKey);
const [PROJECT, EMAIL, KEY] = ['chat', 'push@chat.iam.gserviceaccount.com', 'k1'];
// Google's libraries sign this audience, whatever the key file says.
const AUDIENCE = 'https://oauth2.googleapis.com/token';
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** The access tokens that are good. */
const good = new Set();

const giveToken = async (response, form) => {
  try {
    if (form.get('grant_type') !== GRANT) throw new Error('another grant than a JWT');
    const assertion = form.get('assertion');
    if (![undefined, KEY].includes(decodeProtectedHeader(assertion).kid)) throw new Error('another key');
    const options = { algorithms: ['RS256'], audience: [AUDIENCE, `${base}/token`], issuer: EMAIL };
    const { payload } = await jwtVerify(assertion, publicKey, { ...options, requiredClaims: ['iat', 'exp'] });
    if (payload.exp - payload.iat > 3_600) throw new Error('it is good for more than an hour');
    if (!payload.scope?.split(' ').some((scope) => scope === SCOPE || scope.endsWith('/cloud-platform'))) {
      throw new Error('another scope than messaging');
    }
  } catch (error) {
    return answer(response, 400, { error: 'invalid_grant', error_description: error.message });
  }
  const token = `ya29.${crypto.randomUUID()}`;
  good.add(token);
  return answer(response, 200, { access_token: token, expires_in: 3_599, token_type: 'Bearer' });
};

const refuse = (response, code, status, message, errorCode) => {
  const type = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
  const details = errorCode ? [{ '@type': type, errorCode }] : [];
  return answer(response, code, { error: { code, message, status, details } });
};

/** Fields that a message may have; Google refuses others. */
const FIELDS = ['token', 'name', 'notification', 'data', 'android', 'apns', 'webpush', 'fcm_options'];

const send = (response, token, project, body) => {
  if (!good.has(token)) {
    return refuse(response, 401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
  }
  if (project !== PROJECT) return refuse(response, 404, 'NOT_FOUND', 'Requested entity was not found.');
  const { message } = JSON.parse(body);
  const unknown = Object.keys(message ?? {}).filter((field) => !FIELDS.includes(field));
  const texts = Object.values(message?.data ?? {}).every((value) => typeof value === 'string');
  if (!message || unknown.length > 0 || !texts || !/^\d+(\.\d+)?s$/.test(message.android?.ttl ?? '0s')) {
    return refuse(response, 400, 'INVALID_ARGUMENT', `Invalid JSON payload: ${unknown}`, 'INVALID_ARGUMENT');
  }
  const device = message.token ?? '';
  if (device.startsWith('gone')) {
    return refuse(response, 404, 'NOT_FOUND', 'Requested entity was not found.', 'UNREGISTERED');
  }
  if (device.startsWith('bad')) {
    const words = 'The registration token is not a valid FCM registration token';
    return refuse(response, 400, 'INVALID_ARGUMENT', words, 'INVALID_ARGUMENT');
  }
  if (device.startsWith('foreign')) {
    return refuse(response, 403, 'PERMISSION_DENIED', 'SenderId mismatch', 'SENDER_ID_MISMATCH');
  }
  // A device for tests: after it the token is good no more.
  if (device.startsWith('last')) good.delete(token);
  const name = `projects/${project}/messages/0:${Date.now()}`;
  say({ took: { message, name } });
  return answer(response, 200, { name });
};

const base = await serve((request, response, body) => {
  if (request.url === '/token') return giveToken(response, new URLSearchParams(body.toString()));
  const [, project] = /^\/v1\/projects\/([^/]+)\/messages:send$/.exec(request.url) ?? [];
  if (!project || request.method !== 'POST') return answer(response, 404, {});
  const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  return send(response, token, project, body.toString());
});
const account = {
  type: 'service_account',
  project_id: PROJECT,
  private_key_id: KEY,
  private_key: privateKey,
  client_email: EMAIL,
  token_uri: `${base}/token`,
};
say({ base, account });
obey();
