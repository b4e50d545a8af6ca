// Tencent Cloud's own SDK (npm tencentcloud-sdk-nodejs-sms) against the stand-in. Argument: what the stand-in said of
// itself.
import assert from 'node:assert/strict';
import http from 'node:http';
import { load } from '../stand_in.mjs';

const about = JSON.parse(process.argv[2]);
const sdk = await load('tencentcloud-sdk-nodejs-sms');
const { port } = new URL(about.tencent);
// The name of the service, which is signed, is the first part of the address: the address stays, the way changes.
const endpoint = 'sms.tencentcloudapi.com';
const request = http.request;
http.request = (options, ...rest) => {
  const headers = { ...options.headers, host: endpoint };
  return request({ ...options, host: '127.0.0.1', hostname: '127.0.0.1', port, headers }, ...rest);
};

const send = async (number, { id = about.id, secret = about.secret } = {}) => {
  const client = new sdk.sms.v20210111.Client({
    credential: { secretId: id, secretKey: secret },
    region: 'ap-guangzhou',
    profile: { signMethod: 'TC3-HMAC-SHA256', httpProfile: { protocol: 'http://', endpoint } },
  });
  const sms = { PhoneNumberSet: [number], SmsSdkAppId: '1400006666', TemplateId: '1110', TemplateParamSet: ['验证码'] };
  try {
    return (await client.SendSms(sms)).SendStatusSet[0].Code;
  } catch (error) {
    return error.code;
  }
};

assert.equal(await send('+8613800000001'), 'Ok');
assert.equal(await send('+8613800000000'), 'LimitExceeded.PhoneNumberDailyLimit');
assert.equal(await send('1'), 'InvalidParameterValue.IncorrectPhoneNumber');
assert.equal(await send('+8613800000001', { secret: 'another' }), 'AuthFailure.SignatureFailure');
assert.equal(await send('+8613800000001', { id: 'nobody' }), 'AuthFailure.SecretIdNotFound');
process.exit(0);
