//! Private keys as PEM, whichever of the three usual wrappings they come in.
//!
//! kubeadm and kind write `ca.key` as PKCS#1 (`RSA PRIVATE KEY`), `openssl ecparam` writes SEC 1 (`EC PRIVATE KEY`), and
//! the ring half of rcgen reads only PKCS#8 (`PRIVATE KEY`); so the first two are wrapped here.

use rcgen::KeyPair;
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};

use crate::Error;

/// DER of `AlgorithmIdentifier { rsaEncryption, NULL }` (RFC 8017, appendix A.1).
const RSA: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// DER of `AlgorithmIdentifier { id-ecPublicKey, prime256v1 }` (RFC 5480, section 2.1.1).
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];

/// Reads the first private key of `pem`.
pub(crate) fn read(pem: &str) -> Result<KeyPair, Error> {
    let unusable = |what: String| Error::Authority { what };
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|e| unusable(format!("the key holds no PEM private key ({e})")))?;
    let (pkcs8, kind) = match &key {
        PrivateKeyDer::Pkcs8(der) => (der.secret_pkcs8_der().to_vec(), "PKCS#8"),
        PrivateKeyDer::Pkcs1(der) => (wrap(RSA, der.secret_pkcs1_der()), "PKCS#1 (RSA)"),
        PrivateKeyDer::Sec1(der) => {
            (wrap(P256, der.secret_sec1_der()), "SEC 1 (elliptic curve; only P-256 is read)")
        }
        _ => return Err(unusable("the key is of a kind this program does not know".to_owned())),
    };
    KeyPair::try_from(pkcs8).map_err(|e| unusable(format!("the {kind} key cannot be read ({e})")))
}

/// `PrivateKeyInfo { version 0, algorithm, privateKey }` (RFC 5208, section 5).
fn wrap(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let version: &[u8] = &[0x02, 0x01, 0x00];
    let octets = element(0x04, &[key]);
    element(0x30, &[version, algorithm, &octets])
}

/// One DER element: tag, definite length, content.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let mut der = vec![tag];
    if length < 0x80 {
        der.push(bytes[bytes.len() - 1]);
    } else {
        let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        der.push(0x80 | u8::try_from(significant.len()).unwrap_or(0x7f));
        der.extend_from_slice(significant);
    }
    der.extend(parts.iter().flat_map(|part| part.iter()));
    der
}
