//! Detached signatures in the Cryptographic Message Syntax (RFC 5652), as `openssl smime -sign -binary` makes them: over SHA-256, with
//! the time of signing among what is signed and the certificates beside it.

use super::PassError;
use super::rsa::RsaKey;
use cms::cert::x509::Certificate;
use cms::cert::x509::attr::Attribute;
use cms::cert::x509::der::asn1::{GeneralizedTime, Null, ObjectIdentifier, OctetString, SetOfVec, UtcTime};
use cms::cert::x509::der::{self, Any, DateTime, Encode as _};
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::cert::x509::time::Time;
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use domain::Timestamp;
use ring::digest;
use std::time::Duration;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// A signature over `content` by the key of the first certificate.
pub(super) fn detached(
    signer: &Certificate,
    others: &[Certificate],
    key: &RsaKey,
    content: &[u8],
    now: Timestamp,
) -> Result<Vec<u8>, PassError> {
    let encoding = |error: der::Error| PassError::Encoding(error.to_string());
    let hash = digest::digest(&digest::SHA256, content);
    let attributes = attributes(hash.as_ref(), now).map_err(encoding)?;
    // What is signed is the set of attributes, and in it the hash of the content.
    let signature = key.sign(&attributes.to_der().map_err(encoding)?)?;
    wrap(signer, others, attributes, signature).map_err(encoding)
}

fn attributes(hash: &[u8], now: Timestamp) -> der::Result<SetOfVec<Attribute>> {
    SetOfVec::try_from(vec![
        attribute(CONTENT_TYPE, Any::encode_from(&DATA)?)?,
        attribute(SIGNING_TIME, time(now)?)?,
        attribute(MESSAGE_DIGEST, Any::encode_from(&OctetString::new(hash)?)?)?,
    ])
}

fn attribute(oid: ObjectIdentifier, value: Any) -> der::Result<Attribute> {
    let values = SetOfVec::try_from(vec![value])?;
    Ok(Attribute { oid, values })
}

/// A moment in the shorter of two forms if that can hold it, which is until 2049.
fn time(now: Timestamp) -> der::Result<Any> {
    let seconds = u64::try_from(now.unix_seconds()).unwrap_or_default();
    let at = DateTime::from_unix_duration(Duration::from_secs(seconds))?;
    if at.year() <= UtcTime::MAX_YEAR {
        Any::encode_from(&UtcTime::from_date_time(at)?)
    } else {
        Any::encode_from(&GeneralizedTime::from_date_time(at))
    }
}

fn wrap(
    signer: &Certificate,
    others: &[Certificate],
    attributes: SetOfVec<Attribute>,
    signature: Vec<u8>,
) -> der::Result<Vec<u8>> {
    let sha_256 = AlgorithmIdentifierOwned {
        oid: SHA_256,
        parameters: None,
    };
    let certificates: Vec<_> = std::iter::once(signer)
        .chain(others)
        .cloned()
        .map(CertificateChoices::Certificate)
        .collect();
    let signed = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![sha_256.clone()])?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: DATA,
            econtent: None,
        },
        certificates: Some(CertificateSet(SetOfVec::try_from(certificates)?)),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: signer.tbs_certificate.issuer.clone(),
                serial_number: signer.tbs_certificate.serial_number.clone(),
            }),
            digest_alg: sha_256,
            signed_attrs: Some(attributes),
            signature_algorithm: AlgorithmIdentifierOwned {
                oid: RSA,
                parameters: Some(Any::encode_from(&Null)?),
            },
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        }])?),
    };
    let message = ContentInfo {
        content_type: SIGNED_DATA,
        content: Any::encode_from(&signed)?,
    };
    message.to_der()
}

/// A point in time of a certificate.
pub(super) fn moment(time: Time) -> Timestamp {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Timestamp::new(jiff::Timestamp::UNIX_EPOCH).plus_seconds(seconds)
}
