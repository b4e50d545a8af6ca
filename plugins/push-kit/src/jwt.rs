//! JSON Web Tokens (RFC 7519), signed with ES256, RS256 or PS256 (RFC 7518). Verifying them is the
//! providers' part.

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey;
use rsa::RsaPrivateKey;
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::encode::{base64_url, from_base64};
use crate::random::HostRandom;

/// A key for ES256: P-256.
pub struct EcKey(SigningKey);

impl EcKey {
    /// The key in a PEM file (PKCS #8), as Apple hands it out with the suffix `.p8`.
    ///
    /// # Errors
    /// It is none.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        SigningKey::from_pkcs8_pem(&lines(pem)).map(Self).map_err(|_| "is not a P-256 key as PEM (PKCS #8)".to_owned())
    }

    /// The key's 32 bytes in base64, as Web Push libraries write it.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Self, String> {
        let bytes = from_base64(text.trim()).unwrap_or_default();
        SigningKey::from_slice(&bytes).map(Self).map_err(|_| "is not the 32 bytes of a P-256 key in base64".to_owned())
    }

    /// The public key as an uncompressed point (SEC 1).
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        self.0.verifying_key().to_sec1_point(false).as_bytes().to_vec()
    }

    /// A token with these claims; `key_id` goes into its header.
    #[must_use]
    pub fn token(&self, key_id: Option<&str>, claims: &Value) -> String {
        let input = signing_input("ES256", key_id, claims);
        let signature: Signature = self.0.sign(input.as_bytes());
        format!("{input}.{}", base64_url(signature.to_bytes()))
    }
}

/// How an RSA key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

/// A key for RS256 and PS256.
pub struct RsaKey(RsaPrivateKey);

impl RsaKey {
    /// The key in a PEM file (PKCS #8).
    ///
    /// # Errors
    /// It is none.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        RsaPrivateKey::from_pkcs8_pem(&lines(pem))
            .map(Self)
            .map_err(|_| "is not an RSA key as PEM (PKCS #8)".to_owned())
    }

    /// A token with these claims; `key_id` goes into its header.
    ///
    /// # Errors
    /// The key is too small to sign.
    pub fn token(&self, algorithm: RsaAlgorithm, key_id: Option<&str>, claims: &Value) -> Result<String, String> {
        // The library blinds each operation, which is why even RS256 asks for randomness.
        let mut random = HostRandom::default();
        let too_small = |_| "the RSA key cannot sign: it is too small".to_owned();
        let (input, signature) = match algorithm {
            RsaAlgorithm::Rs256 => {
                let input = signing_input("RS256", key_id, claims);
                let key = rsa::pkcs1v15::SigningKey::<Sha256>::new(self.0.clone());
                let signature = key.try_sign_with_rng(&mut random, input.as_bytes()).map_err(too_small)?.to_vec();
                (input, signature)
            }
            RsaAlgorithm::Ps256 => {
                let input = signing_input("PS256", key_id, claims);
                let key = rsa::pss::SigningKey::<Sha256>::new(self.0.clone());
                let signature = key.try_sign_with_rng(&mut random, input.as_bytes()).map_err(too_small)?.to_vec();
                (input, signature)
            }
        };
        Ok(format!("{input}.{}", base64_url(signature)))
    }
}

fn signing_input(algorithm: &str, key_id: Option<&str>, claims: &Value) -> String {
    let mut header = json!({"alg": algorithm, "typ": "JWT"});
    if let (Some(key_id), Some(header)) = (key_id, header.as_object_mut()) {
        header.insert("kid".to_owned(), key_id.into());
    }
    format!("{}.{}", base64_url(header.to_string()), base64_url(claims.to_string()))
}

/// A PEM file whose line breaks were written as `\n`, as happens on the way through JSON, gets them back.
fn lines(pem: &str) -> String {
    pem.trim().replace("\\n", "\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use p256::ecdsa::signature::Verifier;
    use warbler_sdk::testing::Host;

    use super::*;

    const EC: &str = include_str!("../tests/keys/ec.pem");
    const RSA: &str = include_str!("../tests/keys/rsa.pem");

    fn parts(token: &str) -> (String, Vec<u8>, Value) {
        let (input, signature) = token.rsplit_once('.').unwrap();
        let header = from_base64(input.split('.').next().unwrap()).unwrap();
        (input.to_owned(), from_base64(signature).unwrap(), serde_json::from_slice(&header).unwrap())
    }

    #[test]
    fn an_es256_token_is_verified_by_its_public_key() {
        let key = EcKey::from_pem(EC).unwrap();
        let (input, signature, header) = parts(&key.token(Some("K1"), &json!({"iss": "team"})));
        assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "K1"}));
        let signature = Signature::from_slice(&signature).unwrap();
        key.0.verifying_key().verify(input.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn rsa_tokens_are_verified_by_their_public_key() {
        let _host = Host::new().start();
        let key = RsaKey::from_pem(&RSA.replace('\n', "\\n")).unwrap();
        let public = key.0.to_public_key();
        let (input, signature, _) = parts(&key.token(RsaAlgorithm::Rs256, None, &json!({})).unwrap());
        let verifier = rsa::pkcs1v15::VerifyingKey::<Sha256>::new(public.clone());
        verifier.verify(input.as_bytes(), &signature.as_slice().try_into().unwrap()).unwrap();
        let (input, signature, _) = parts(&key.token(RsaAlgorithm::Ps256, None, &json!({})).unwrap());
        let verifier = rsa::pss::VerifyingKey::<Sha256>::new(public);
        verifier.verify(input.as_bytes(), &signature.as_slice().try_into().unwrap()).unwrap();
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for text in ["", "secret", RSA] {
            let sentence = EcKey::from_pem(text).err().unwrap();
            assert!(sentence.starts_with("is not a P-256 key"), "{sentence}");
        }
        assert!(EcKey::from_base64("AAAA").is_err());
        assert!(RsaKey::from_pem(EC).is_err());
    }
}
