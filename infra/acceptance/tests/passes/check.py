"""Looks at passes as wallets do, with nothing of GiggleFest: `zipfile` opens them, OpenSSL (in `cryptography`) checks signatures.

    apple     {"file": base64, "authority": PEM}      -> {"face", "strings", "names", "unnoticed"}
    google    {"jwt": text, "key": PEM}               -> {"header", "claims"}

Standard input has one JSON object, standard output the answer. A pass that a wallet would refuse ends the program with the reason.
"""

import base64
import hashlib
import io
import json
import sys
import zipfile

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.bindings._rust import test_support
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding


class Refused(Exception):
    """Why a wallet does not take a pass."""


def opened(file):
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        if archive.testzip() is not None:
            raise Refused("the archive is damaged")
        names = archive.namelist()
        if len(set(names)) != len(names):
            raise Refused("a file is there twice")
        return {name: archive.read(name) for name in names}


def check(files, authority):
    """Every file is listed with its hash, and the list is signed by somebody whom the authority vouches for."""
    manifest = json.loads(files["manifest.json"])
    listed = {name for name in files if name not in ("manifest.json", "signature")}
    if set(manifest) != listed:
        raise Refused(f"the list has {sorted(manifest)}, the archive {sorted(listed)}")
    for name, digest in manifest.items():
        if hashlib.sha1(files[name]).hexdigest() != digest:
            raise Refused(f"{name} is not the file of the list")
    try:
        test_support.pkcs7_verify(
            serialization.Encoding.DER, files["signature"], files["manifest.json"], [authority], []
        )
    except Exception as error:
        raise Refused(f"the list is not signed: {error}") from error


def bent(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def unnoticed(files, authority):
    """Which files one bit of which can be turned without anybody noticing: the first, the middle and the last byte are tried."""
    missed = []
    for name, content in files.items():
        # The frame of a signature has bytes that mean nothing; its end is the signature itself.
        places = (len(content) - 1, len(content) - 100) if name == "signature" else (0, len(content) // 2, -1)
        for place in places:
            other = dict(files, **{name: bent(content, place % len(content))})
            try:
                check(other, authority)
                missed.append(name)
            except (Refused, ValueError):
                pass
    return missed


def apple(task):
    files = opened(base64.b64decode(task["file"]))
    authority = x509.load_pem_x509_certificate(task["authority"].encode())
    check(files, authority)
    return {
        "face": json.loads(files["pass.json"]),
        "strings": {name[:2]: files[name].decode("utf-16") for name in files if name.endswith(".strings")},
        "names": sorted(files),
        "unnoticed": unnoticed(files, authority),
    }


def part(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def google(task):
    signed, signature = task["jwt"].rsplit(".", 1)
    header, claims = (json.loads(part(text)) for text in signed.split("."))
    if header["alg"] != "RS256":
        raise Refused(f"{header['alg']} is no signature")
    key = serialization.load_pem_private_key(task["key"].encode(), password=None).public_key()

    def verify(message):
        key.verify(part(signature), message, padding.PKCS1v15(), hashes.SHA256())

    try:
        verify(signed.encode())
    except InvalidSignature as error:
        raise Refused("the link is signed by somebody else") from error
    try:
        verify(bent(signed.encode(), len(signed) // 2))
        raise Refused("the signature fits another link, too")
    except InvalidSignature:
        return {"header": header, "claims": claims}


if __name__ == "__main__":
    command = {"apple": apple, "google": google}[sys.argv[1]]
    try:
        print(json.dumps(command(json.load(sys.stdin))))
    except Refused as refusal:
        sys.exit(str(refusal))
