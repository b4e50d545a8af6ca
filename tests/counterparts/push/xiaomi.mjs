// A stand-in for Xiaomi's push service. Written from dev.mi.com; npm push-xiaomi checks it before our provider meets it.
import { answer, obey, say, serve } from './stand_in.mjs';

const [SECRET, PACKAGE] = ['xiaomi-app-secret', 'com.example.chat'];

const refuse = (response, code, reason) => answer(response, 200, { result: 'error', code, reason, description: reason });

const base = await serve((request, response, body) => {
  if (request.url !== '/v3/message/regid' || request.method !== 'POST') return response.writeHead(404).end();
  if (request.headers.authorization !== `key=${SECRET}`) return refuse(response, 21301, 'authentication failed');
  const form = Object.fromEntries(new URLSearchParams(body.toString()));
  if (form.restricted_package_name !== PACKAGE) return refuse(response, 22022, 'the package is not of this app');
  if (!form.title || [...form.title].length > 50) return refuse(response, 66108, 'the title is too long or missing');
  if (!form.description || [...form.description].length > 128) return refuse(response, 66109, 'the description is');
  if (!['0', '1'].includes(form.pass_through)) return refuse(response, 10017, 'pass_through is neither 0 nor 1');
  if (form.notify_id && !/^\d+$/.test(form.notify_id)) return refuse(response, 10017, 'notify_id is no number');
  const devices = (form.registration_id ?? '').split(',').filter(Boolean);
  if (devices.length === 0 || devices.length > 1_000) return refuse(response, 10029, 'illegal devices');
  if (devices.some((device) => device.startsWith('busy'))) return refuse(response, 10027, 'too frequent');
  const dead = devices.filter((device) => device.startsWith('dead'));
  if (dead.length === devices.length) return refuse(response, 20301, 'all devices are invalid');
  say({ took: { title: form.title, description: form.description, payload: form.payload } });
  const data = { id: 'sdm1', ...(dead.length > 0 && { bad_regids: dead.join(',') }) };
  return answer(response, 200, { result: 'ok', code: 0, trace_id: 'Xdm1', description: '成功', data });
});
say({ base, secret: SECRET, package: PACKAGE });
obey();
