// A stand-in for JPush's REST API v3. Written from docs.jiguang.cn; the vendor's own clients in Python and Node check
// it before our provider meets it.
import { answer, obey, say, serve } from './stand_in.mjs';

const [KEY, SECRET] = ['0123456789abcdef01234567', 'fedcba9876543210fedcba98'];
const AUTHORIZATION = `Basic ${Buffer.from(`${KEY}:${SECRET}`).toString('base64')}`;
const MOST_BYTES = 4_000;
const FIELDS = ['platform', 'audience', 'notification', 'message', 'options', 'cid', 'sms_message', 'callback'];

/** The identifiers with which the same push is not made twice. */
const made = new Map();
let last = 1_000;

const refuse = (response, status, code, message) => answer(response, status, { error: { code, message } });

const base = await serve((request, response, body) => {
  if (request.url !== '/v3/push' || request.method !== 'POST') return response.writeHead(404).end();
  if (request.headers.authorization !== AUTHORIZATION) return refuse(response, 401, 1004, 'Authentication failed!');
  const push = JSON.parse(body.toString());
  const unknown = Object.keys(push).filter((field) => !FIELDS.includes(field));
  if (unknown.length > 0) return refuse(response, 400, 1003, `unknown field ${unknown[0]}`);
  if (!push.platform || !push.audience) return refuse(response, 400, 1002, 'Missing parameter');
  if (!push.notification && !push.message) return refuse(response, 400, 1003, 'neither notification nor message');
  const badges = [push.notification?.android?.badge_set_num].filter((badge) => badge !== undefined);
  if (badges.some((badge) => badge < 0 || badge > 99)) return refuse(response, 400, 1003, 'badge_set_num is invalid');
  if (Buffer.byteLength(JSON.stringify(push.notification ?? push.message)) > MOST_BYTES) {
    return refuse(response, 400, 1005, 'the message is too long');
  }
  const ids = push.audience.registration_id ?? [];
  if (ids.some((id) => id.startsWith('busy'))) return refuse(response, 429, 2002, 'Rate limit exceeded');
  if (ids.length > 0 && ids.every((id) => id.startsWith('dead'))) {
    return refuse(response, 400, 1011, 'cannot find user by this audience');
  }
  const id = made.get(push.cid) ?? String((last += 1));
  if (push.cid) made.set(push.cid, id);
  say({ took: push });
  return answer(response, 200, { sendno: '0', msg_id: id });
});
say({ base, key: KEY, secret: SECRET });
obey();
