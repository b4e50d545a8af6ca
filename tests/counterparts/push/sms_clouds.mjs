// Stand-ins for the text messages of Alibaba Cloud (ACS3-HMAC-SHA256) and Tencent Cloud (TC3-HMAC-SHA256): they work
// out the signature of what arrived, and believe nothing else. Written from the vendors' documentation; the vendors'
// own SDKs check them before our provider meets them.
import crypto from 'node:crypto';
import { answer, obey, say, serve } from './stand_in.mjs';

const [ID, SECRET] = ['AKIDEXAMPLE', 'cloud-key-secret'];
const SKEW_S = 15 * 60;
const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => crypto.createHmac('sha256', key).update(text).digest();

/** The headers that were signed, in the order in which they were named, one a line. */
const lines = (headers, names) => names.map((name) => `${name}:${(headers[name] ?? '').trim()}\n`).join('');

const isFresh = (seconds) => Math.abs(Date.now() / 1_000 - seconds) < SKEW_S;

const nonces = new Set();

const aliyun = (request, response, body) => {
  const refuse = (status, code, message) => answer(response, status, { Code: code, Message: message, RequestId: '1' });
  const { headers } = request;
  const pattern = /^ACS3-HMAC-SHA256 Credential=(.+?),\s*SignedHeaders=(.+?),\s*Signature=([0-9a-f]{64})$/;
  const [, id, names, signature] = pattern.exec(headers.authorization ?? '') ?? [];
  if (id !== ID) return refuse(404, 'InvalidAccessKeyId.NotFound', 'Specified access key is not found.');
  const needed = ['host', 'x-acs-action', 'x-acs-content-sha256', 'x-acs-date', 'x-acs-signature-nonce', 'x-acs-version'];
  const named = names.split(';');
  const digest = sha256(body);
  const url = new URL(request.url, 'http://here');
  const escape = (text) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const pairs = [...url.searchParams].map(([name, value]) => `${escape(name)}=${escape(value)}`);
  const canonical = [request.method, url.pathname, pairs.sort().join('&'), lines(headers, named), names, digest].join('\n');
  const expected = hmac(SECRET, `ACS3-HMAC-SHA256\n${sha256(canonical)}`).toString('hex');
  const isWhole = needed.every((name) => named.includes(name)) && headers['x-acs-content-sha256'] === digest;
  if (!isWhole || signature !== expected) {
    return refuse(400, 'SignatureDoesNotMatch', `Specified signature does not match: ${canonical}`);
  }
  if (!isFresh(Date.parse(headers['x-acs-date']) / 1_000)) return refuse(400, 'InvalidTimeStamp.Expired', 'too old');
  if (nonces.has(headers['x-acs-signature-nonce'])) return refuse(400, 'SignatureNonceUsed', 'used before');
  nonces.add(headers['x-acs-signature-nonce']);
  if (headers['x-acs-action'] !== 'SendSms' || headers['x-acs-version'] !== '2017-05-25') {
    return refuse(404, 'InvalidAction.NotFound', 'Specified api is not found');
  }
  const sms = { ...Object.fromEntries(url.searchParams), ...Object.fromEntries(new URLSearchParams(body.toString())) };
  if (sms.SignName !== '示例') return refuse(200, 'isv.SMS_SIGNATURE_ILLEGAL', '短信签名不合法');
  if (!/^SMS_\d+$/.test(sms.TemplateCode ?? '')) return refuse(200, 'isv.SMS_TEMPLATE_ILLEGAL', '短信模版不合法');
  if (!/^\d{8,15}$/.test(sms.PhoneNumbers ?? '')) return refuse(200, 'isv.MOBILE_NUMBER_ILLEGAL', '非法手机号');
  if (sms.PhoneNumbers.endsWith('0000')) return refuse(200, 'isv.BUSINESS_LIMIT_CONTROL', '触发流控');
  JSON.parse(sms.TemplateParam ?? '{}');
  say({ took: { number: sms.PhoneNumbers, parameters: sms.TemplateParam } });
  return answer(response, 200, { Code: 'OK', Message: 'OK', RequestId: '1', BizId: '900619746936498440^0' });
};

const tencent = (request, response, body) => {
  const tell = (value) => answer(response, 200, { Response: { ...value, RequestId: '1' } });
  const refuse = (Code, Message) => tell({ Error: { Code, Message } });
  const { headers } = request;
  const pattern =
    /^TC3-HMAC-SHA256 Credential=(.+?)\/(\d{4}-\d\d-\d\d)\/sms\/tc3_request, SignedHeaders=(.+?), Signature=([0-9a-f]{64})$/;
  const [, id, day, names, signature] = pattern.exec(headers.authorization ?? '') ?? [];
  if (id !== ID) return refuse('AuthFailure.SecretIdNotFound', 'The SecretId is not found');
  const at = Number(headers['x-tc-timestamp']);
  const canonical = [request.method, '/', '', lines(headers, names.split(';')), names, sha256(body)].join('\n');
  const scope = `${day}/sms/tc3_request`;
  const key = ['sms', 'tc3_request'].reduce(hmac, hmac(`TC3${SECRET}`, day));
  const expected = hmac(key, `TC3-HMAC-SHA256\n${at}\n${scope}\n${sha256(canonical)}`).toString('hex');
  const isWhole = ['content-type', 'host'].every((name) => names.split(';').includes(name));
  if (!isWhole || signature !== expected) return refuse('AuthFailure.SignatureFailure', `not the signature of ${canonical}`);
  if (!isFresh(at) || new Date(at * 1_000).toISOString().slice(0, 10) !== day) {
    return refuse('AuthFailure.SignatureExpire', 'too old');
  }
  if (headers['x-tc-action'] !== 'SendSms' || headers['x-tc-version'] !== '2021-01-11') {
    return refuse('InvalidAction', 'The request action is not found');
  }
  const sms = JSON.parse(body.toString());
  if (sms.SmsSdkAppId !== '1400006666') return refuse('UnauthorizedOperation.SmsSdkAppIdVerifyFail', 'another application');
  const statuses = sms.PhoneNumberSet.map((number) => {
    if (!/^\+\d{8,15}$/.test(number)) return { Code: 'InvalidParameterValue.IncorrectPhoneNumber', Message: number };
    if (number.endsWith('0000')) return { Code: 'LimitExceeded.PhoneNumberDailyLimit', Message: 'daily limit' };
    say({ took: { number, parameters: sms.TemplateParamSet } });
    return { SerialNo: '5000:1045710669157053657849499619', PhoneNumber: number, Fee: 1, Code: 'Ok', Message: 'send success' };
  });
  return tell({ SendStatusSet: statuses });
};

say({ aliyun: await serve(aliyun), tencent: await serve(tencent), id: ID, secret: SECRET });
obey();
