// The vendor's client for Node (npm jpush-sdk) against the stand-in. Argument: what the stand-in said of itself.
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { load } from '../stand_in.mjs';

const about = JSON.parse(process.argv[2]);
const { port } = new URL(about.base);
// It knows the vendor's address only.
https.request = ({ path, method, headers }, done) =>
  http.request({ host: '127.0.0.1', port, path, method, headers: { ...headers, host: `127.0.0.1:${port}` } }, done);

const JPush = await load('jpush-sdk');
const send = (device, secret = about.secret) =>
  new Promise((resolve) => {
    const push = JPush.buildClient(about.key, secret).push().setPlatform(JPush.ALL);
    push.setAudience(JPush.registration_id(device)).setNotification('你好，世界 🎉', JPush.android('你好', '张三', 1));
    push.send((error, sent) => resolve(error ? `${error.httpCode} ${JSON.parse(error.response).error.code}` : sent));
  });

assert.match((await send('good')).msg_id, /^\d+$/);
assert.equal(await send('dead'), '400 1011');
assert.equal(await send('busy'), '429 2002');
assert.equal(await send('good', '000000000000000000000000'), '401 1004');
process.exit(0);
