"""Alibaba Cloud's own SDK (PyPI alibabacloud-dysmsapi20170525) against the stand-in. Argument: what the stand-in
said of itself."""

import json
import sys

from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import SendSmsRequest
from alibabacloud_tea_openapi.models import Config

about = json.loads(sys.argv[1])
endpoint = about["aliyun"].removeprefix("http://")


def send(number, key=about["id"], secret=about["secret"]):
    config = Config(access_key_id=key, access_key_secret=secret, endpoint=endpoint, protocol="http")
    sms = SendSmsRequest(
        phone_numbers=number,
        sign_name="示例",
        template_code="SMS_123456789",
        template_param=json.dumps({"code": "482913"}),
        out_id="a b+c~*",
    )
    return Client(config).send_sms(sms).body


assert send("13800000001").code == "OK"
assert send("1").code == "isv.MOBILE_NUMBER_ILLEGAL"
assert send("13800000000").code == "isv.BUSINESS_LIMIT_CONTROL"
for wrong, code in [({"secret": "another"}, "SignatureDoesNotMatch"), ({"key": "nobody"}, "InvalidAccessKeyId.NotFound")]:
    try:
        send("13800000001", **wrong)
    except Exception as error:
        assert getattr(error, "code", None) == code, error
    else:
        raise AssertionError(f"{wrong} was believed")
