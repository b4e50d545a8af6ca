// kannel as the gateway, npm smpp as the centre behind it: a text in Chinese has to arrive as it was written.
// Arguments: the tool warbler-plugin, the package, the plugin's folder. Runs in the folder with node_modules.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';

const smpp = createRequire(path.resolve('package.json'))('smpp');
const [tool, pkg, plugin] = process.argv.slice(2);
const TEXT = '验证码 482913，10 分钟内有效';
const PASSWORD = 'gateway-pass';

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const [centre, admin, smsbox, sendsms] = [await freePort(), await freePort(), await freePort(), await freePort()];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warbler-kannel-'));
const received = [];
let bound = () => {};
const isBound = new Promise((resolve) => (bound = resolve));

const listener = smpp.createServer({}, (session) => {
  session.on('error', () => {});
  for (const bind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(bind, (pdu) => {
      session.send(pdu.response());
      bound();
    });
  }
  session.on('submit_sm', (pdu) => {
    const { message } = pdu.short_message;
    const text = Buffer.isBuffer(message) ? Buffer.from(message).swap16().toString('utf16le') : message;
    received.push({ to: pdu.destination_addr, coding: pdu.data_coding, text });
    session.send(pdu.response({ message_id: String(received.length) }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => session.send(pdu.response()));
});
listener.listen(centre, '127.0.0.1');

fs.mkdirSync(path.join(folder, 'store'));
fs.writeFileSync(
  path.join(folder, 'kannel.conf'),
  `group = core
admin-port = ${admin}
admin-interface = 127.0.0.1
admin-password = admin
smsbox-port = ${smsbox}
smsbox-interface = 127.0.0.1
box-allow-ip = "127.0.0.1"
log-file = "${folder}/bearerbox.log"
log-level = 1
store-type = file
store-location = "${folder}/store/kannel"

group = smsc
smsc = smpp
smsc-id = centre
host = 127.0.0.1
port = ${centre}
smsc-username = chat
smsc-password = secret
system-type = "x"
transceiver-mode = true

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = ${smsbox}
sendsms-port = ${sendsms}
sendsms-interface = 127.0.0.1
log-file = "${folder}/smsbox.log"
log-level = 1

group = sendsms-user
username = warbler
password = ${PASSWORD}
max-messages = 10
default-sender = 10690
concatenation = true

group = sms-service
keyword = default
text = "ok"
`,
);

const boxes = [];
const box = (name) => boxes.push(spawn(`/usr/sbin/${name}`, [path.join(folder, 'kannel.conf')], { stdio: 'ignore' }));
process.on('exit', () => {
  boxes.forEach((child) => child.kill('SIGKILL'));
  fs.rmSync(folder, { recursive: true, force: true });
});

const until = async (what, holds) => {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not come`);
};
const answers = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true) ?? socket.end());
    socket.on('error', () => resolve(false));
  });

box('bearerbox');
await isBound;
await until('the bearerbox', () => answers(smsbox));
box('smsbox');
await until('the smsbox', () => answers(sendsms));

const deliver = async (name, expect, password) => {
  const cases = fs.mkdtempSync(path.join(os.tmpdir(), 'warbler-cases-'));
  const given = {
    config: { base_url: `http://127.0.0.1:${sendsms}/cgi-bin/sendsms`, kannel: { username: 'warbler', from: '10690' } },
    secrets: { password },
  };
  const notifications = [{ address: { number: '+8613800000000' }, body: TEXT, secret: true }];
  fs.writeFileSync(path.join(cases, 'case.json'), JSON.stringify({ name, given, notifications, expect }));
  const child = spawn(tool, ['test', pkg, '--cases-only', '--cases', cases, '--allow', `127.0.0.1:${sendsms}`], { cwd: plugin });
  let said = '';
  child.stdout.on('data', (data) => (said += data));
  child.stderr.on('data', (data) => (said += data));
  const status = await new Promise((resolve) => child.on('close', resolve));
  fs.rmSync(cases, { recursive: true });
  if (status !== 0) throw new Error(said);
  console.log(said);
};

await deliver('kannel takes the message', { outcomes: ['accepted'] }, PASSWORD);
await until('the message', () => received.length > 0);
console.log(JSON.stringify(received));
if (received[0].text !== TEXT || !received[0].to.endsWith('8613800000000')) throw new Error('another message arrived');
await deliver('kannel refuses another password', { failure: 'misconfigured' }, 'another');
process.exit(0);
