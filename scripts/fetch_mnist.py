#!/usr/bin/env python3
"""Downloads MNIST into a folder: scripts/fetch_mnist.py FOLDER

A file that is there with the right checksum stays. Exit code 1 where a file cannot be had from any
mirror; a file with a wrong checksum is never left behind.
"""
import hashlib
import sys
import urllib.error
import urllib.request
from pathlib import Path

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SHA256 = {
    "train-images-idx3-ubyte.gz":
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz":
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz":
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz":
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
TIMEOUT_SECONDS = 10


def is_right(data, name):
    return hashlib.sha256(data).hexdigest() == SHA256[name]


def fetch(name, folder):
    target = folder / name
    if target.exists() and is_right(target.read_bytes(), name):
        return None
    reason = "no mirror"
    for mirror in MIRRORS:
        try:
            with urllib.request.urlopen(mirror + name, timeout=TIMEOUT_SECONDS) as answer:
                data = answer.read()
        except (OSError, urllib.error.URLError) as error:
            reason = f"{mirror}: {error}"
            continue
        if is_right(data, name):
            partial = target.with_suffix(".part")
            partial.write_bytes(data)
            partial.rename(target)
            return None
        reason = f"{mirror}: wrong checksum"
    return f"{name}: {reason}"


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHA256:
        problem = fetch(name, folder)
        if problem:
            print(f"fetch_mnist: {problem}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
