"""Makes what passes of wallets are signed with on a local fleet, and prints it as one JSON object of strings: certificates and key as
Apple hands them out (but signed by nobody that a phone trusts), and the key file of a service account that Google does not know."""

import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

# Of the kind that Apple gives out: the subject tells which passes may be signed and by which team.
PASS_TYPE = "pass.local.gigglefest.tickets"
TEAM = "LOCALTEAM1"
ACCOUNT = "passes@gigglefest-local.iam.gserviceaccount.com"


def private(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate(subject, key, issuer, issuer_key, begin, end, authority):
    usage = dict.fromkeys(
        (
            "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    builder = builder.add_extension(
        x509.KeyUsage(
            digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **usage
        ),
        critical=True,
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def make(begin, end):
    """Certificates that are good from `begin` to `end`, and keys."""
    authority_key, key, account_key = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3)
    )
    authority = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Local passes, trusted by nobody"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "GiggleFest"),
        ]
    )
    signer = x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, PASS_TYPE),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Pass Type ID: {PASS_TYPE}"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, TEAM),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "GiggleFest"),
        ]
    )
    own = certificate(signer, key, authority, authority_key, begin, end, authority=False)
    above = certificate(authority, authority_key, authority, authority_key, begin, end, authority=True)
    account = {
        "type": "service_account",
        "client_email": ACCOUNT,
        "private_key": private(account_key).decode(),
    }
    return {
        "apple_certificates": (own + above).decode(),
        "apple_key": private(key).decode(),
        "google_account": json.dumps(account),
    }


if __name__ == "__main__":
    now = datetime.datetime.now(datetime.timezone.utc)
    print(json.dumps(make(now - datetime.timedelta(days=1), now + datetime.timedelta(days=3650))))
