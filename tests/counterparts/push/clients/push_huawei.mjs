// npm push-huawei against the stand-in. It speaks the interface before v1: what it checks is the token endpoint, and
// what the codes mean. Argument: what the stand-in said of itself.
import assert from 'node:assert/strict';
import { load } from '../stand_in.mjs';

const about = JSON.parse(process.argv[2]);
const Huawei = await load('push-huawei');
const client = (secret) =>
  new Huawei({
    appId: about.app,
    appSecret: secret,
    appPkgName: 'com.example.chat',
    getTokenUrl: `${about.base}/oauth2/v2/token`,
    pushUrl: `${about.base}/pushsend.do`,
  });

const send = (list) =>
  new Promise((finish, fail) => {
    client(about.secret).push({ title: '张三', content: '你好，世界 🎉', list, sleep: 0, fail, finish }).catch(fail);
  });

const counts = ({ success_total: taken, fail_total: refused }) => [taken, refused];
assert.deepEqual(counts(await send(['good', 'fine'])), [2, 0]);
assert.deepEqual(counts(await send(['good', 'dead-1', 'dead-2'])), [1, 2]);
assert.deepEqual(counts(await send(['dead-1', 'dead-2'])), [0, 2]);
await assert.rejects(client('another').getToken(), /401/);
process.exit(0);
