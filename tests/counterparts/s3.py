"""An S3 server that checks signatures: moto, on a free port of the loopback interface.

Prints one line of JSON (`endpoint`, `bucket`, `id`, `secret`) once it serves, and ends when its standard input does.
"""

import json
import logging
import sys
import urllib.request

import boto3
from moto.server import ThreadedMotoServer

logging.disable(logging.WARNING)
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"


def client(service):
    # These keys count for nothing: what is asked before authentication begins is not checked.
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="setup",
        aws_secret_access_key="setup",
    )


iam = client("iam")
iam.create_user(UserName="backup")
iam.put_user_policy(UserName="backup", PolicyName="s3", PolicyDocument=json.dumps(POLICY))
key = iam.create_access_key(UserName="backup")["AccessKey"]
bucket = "warbler-backup"
client("s3").create_bucket(Bucket=bucket)
# From here on every request needs a signature that is right.
start = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"content-type": "text/plain"})
urllib.request.urlopen(start)
made = {"endpoint": endpoint, "bucket": bucket, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
print(json.dumps(made), flush=True)
sys.stdin.read()
server.stop()
