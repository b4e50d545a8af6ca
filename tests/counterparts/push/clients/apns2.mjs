// npm apns2 against the stand-in. Arguments: what the stand-in said of itself, and the file of the signing key.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import tls from 'node:tls';
import { load } from '../stand_in.mjs';

const [about, keyFile] = [JSON.parse(process.argv[2]), process.argv[3]];
// It knows no other port than 443.
const connect = tls.connect;
tls.connect = (options, ...rest) => connect({ ...options, port: about.port }, ...rest);

const { ApnsClient, Notification } = await load('apns2');
const client = (more = {}) =>
  new ApnsClient({
    team: about.team,
    keyId: about.key,
    signingKey: fs.readFileSync(keyFile, 'utf8'),
    defaultTopic: about.topic,
    host: 'localhost',
    ...more,
  });

const send = async (device, more) => {
  const sender = client(more);
  try {
    await sender.send(new Notification(device, { alert: '你好，世界 🎉' }));
    return 'taken';
  } catch (error) {
    return `${error.statusCode} ${error.reason}`;
  }
};

assert.equal(await send('a'.repeat(64)), 'taken');
assert.equal(await send('dead' + '0'.repeat(60)), '410 Unregistered');
assert.equal(await send('abcd'), '400 BadDeviceToken');
assert.equal(await send('f0e' + '0'.repeat(61)), '400 DeviceTokenNotForTopic');
assert.equal(await send('a'.repeat(64), { defaultTopic: 'com.example.other' }), '400 TopicDisallowed');
assert.equal(await send('a'.repeat(64), { keyId: 'ZZZ1234567' }), '403 InvalidProviderToken');
assert.equal(await send('a'.repeat(64), { team: 'TEAM000000' }), '403 InvalidProviderToken');
process.exit(0);
