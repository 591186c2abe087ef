"""Tests of what signs wallet passes on a local fleet: `python -m unittest` in this directory."""

import datetime
import json
import unittest

import wallet
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID


class Wallet(unittest.TestCase):
    def test_the_certificate_is_for_passes_and_its_key_fits(self):
        begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
        made = wallet.make(begin, begin + datetime.timedelta(days=365))
        own, above = x509.load_pem_x509_certificates(made["apple_certificates"].encode())
        own.verify_directly_issued_by(above)
        subject = {attribute.oid: attribute.value for attribute in own.subject}
        self.assertEqual(subject[NameOID.USER_ID], wallet.PASS_TYPE)
        self.assertEqual(subject[NameOID.ORGANIZATIONAL_UNIT_NAME], wallet.TEAM)
        self.assertEqual(own.not_valid_before_utc, begin)
        key = load_pem_private_key(made["apple_key"].encode(), None)
        self.assertEqual(key.public_key(), own.public_key())
        account = json.loads(made["google_account"])
        self.assertEqual(account["client_email"], wallet.ACCOUNT)
        self.assertNotEqual(load_pem_private_key(account["private_key"].encode(), None).public_key(), own.public_key())


if __name__ == "__main__":
    unittest.main()
