// npm push-xiaomi against the stand-in. Argument: what the stand-in said of itself.
import assert from 'node:assert/strict';
import { load } from '../stand_in.mjs';

const about = JSON.parse(process.argv[2]);
const Xiaomi = await load('push-xiaomi');

const send = (list, appSecret = about.secret) =>
  new Promise((resolve, fail) => {
    const client = new Xiaomi({ appSecret, appPkgName: about.package, pushUrl: `${about.base}/v3/message/regid` });
    let code;
    const success = ({ data }) => (code = data.code);
    const finish = ({ success_total: taken, fail_total: refused }) => resolve([code, taken, refused]);
    client.push({ title: '张三', content: '你好，世界 🎉', payload: '{}', list, sleep: 0, success, fail, finish });
  });

assert.deepEqual(await send(['good', 'fine']), [0, 2, 0]);
assert.deepEqual(await send(['good', 'dead-1', 'dead-2']), [0, 1, 2]);
assert.deepEqual(await send(['dead-1']), [20301, 0, 1]);
assert.equal((await send(['good'], 'another'))[0], 21301);
process.exit(0);
