//! Message encryption for Web Push (RFC 8291) in one record of `aes128gcm` (RFC 8188).

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use hkdf::Hkdf;
use p256::SecretKey;
use p256::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToSec1Point;
use rand_core::Rng;
use sha2::Sha256;
use warbler_push_kit::random::HostRandom;

use crate::Subscription;

/// What push services take at least, and at most in practice, in bytes (RFC 8030, section 7.2).
const RECORD: usize = 4_096;
/// Salt, record size, the length of the key's identifier, and the key.
const HEADER: usize = 16 + 4 + 1 + 65;
/// The delimiter of the last record, and the authentication tag.
const TRAILER: usize = 1 + 16;

/// The longest text that fits, in bytes.
pub const MOST_PLAINTEXT: usize = RECORD - HEADER - TRAILER;

/// Encrypts `plaintext` for the browser of `subscription`; `None` if it is longer than [`MOST_PLAINTEXT`].
#[must_use]
pub fn encrypt(subscription: &Subscription, plaintext: &[u8], random: &mut HostRandom) -> Option<Vec<u8>> {
    if plaintext.len() > MOST_PLAINTEXT {
        return None;
    }
    let mut salt = [0; 16];
    random.fill_bytes(&mut salt);
    encrypt_with(subscription, plaintext, &new_key(random), &salt)
}

/// A key of our own for one message.
fn new_key(random: &mut HostRandom) -> SecretKey {
    loop {
        let mut bytes = [0; 32];
        random.fill_bytes(&mut bytes);
        // One of 2³² random numbers is not below the order of the group.
        if let Ok(key) = SecretKey::from_slice(&bytes) {
            return key;
        }
    }
}

fn encrypt_with(subscription: &Subscription, plaintext: &[u8], own: &SecretKey, salt: &[u8; 16]) -> Option<Vec<u8>> {
    let own_point = own.public_key().to_sec1_point(false);
    let shared = diffie_hellman(own.to_nonzero_scalar(), subscription.key.as_affine());
    let (key, nonce) = derive(subscription, own_point.as_bytes(), shared.raw_secret_bytes(), salt)?;

    let mut record = Vec::with_capacity(plaintext.len() + 1);
    record.extend(plaintext);
    // The delimiter of the last record (RFC 8188, section 2).
    record.push(2);
    let cipher = Aes128Gcm::new_from_slice(&key).ok()?;
    let sealed = cipher.encrypt(&Nonce::from(nonce), record.as_slice()).ok()?;

    let mut body = Vec::with_capacity(HEADER + sealed.len());
    body.extend(salt);
    body.extend(u32::try_from(RECORD).ok()?.to_be_bytes());
    body.push(u8::try_from(own_point.as_bytes().len()).ok()?);
    body.extend(own_point.as_bytes());
    body.extend(sealed);
    Some(body)
}

/// The content encryption key and the nonce (RFC 8291, section 3.4).
fn derive(subscription: &Subscription, own: &[u8], shared: &[u8], salt: &[u8; 16]) -> Option<([u8; 16], [u8; 12])> {
    let info = [b"WebPush: info\0", subscription.point.as_slice(), own].concat();
    let mut input = [0; 32];
    Hkdf::<Sha256>::new(Some(&subscription.auth), shared).expand(&info, &mut input).ok()?;
    let keys = Hkdf::<Sha256>::new(Some(salt), &input);
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    keys.expand(b"Content-Encoding: aes128gcm\0", &mut key).ok()?;
    keys.expand(b"Content-Encoding: nonce\0", &mut nonce).ok()?;
    Some((key, nonce))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use warbler_push_kit::encode::{base64_url, from_base64};
    use warbler_sdk::testing::Host;

    use super::*;

    /// The example of RFC 8291, section 5 and appendix A.
    const POINT: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
    const OWN: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
    const SALT: &str = "DGv6ra1nlYgDCS1FRnbzlw";
    const BODY: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS\
                        6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";

    fn subscription() -> Subscription {
        let address =
            serde_json::json!({"endpoint": "https://push.example.net/a", "keys": {"p256dh": POINT, "auth": AUTH}});
        Subscription::parse(&address.to_string()).unwrap()
    }

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let own = SecretKey::from_slice(&from_base64(OWN).unwrap()).unwrap();
        let salt = from_base64(SALT).unwrap().try_into().unwrap();
        let body = encrypt_with(&subscription(), b"When I grow up, I want to be a watermelon", &own, &salt).unwrap();
        assert_eq!(base64_url(body), BODY);
    }

    #[test]
    fn the_longest_text_fills_a_record_and_no_two_messages_share_a_key() {
        let _host = Host::new().start();
        let mut random = HostRandom::ahead(96);
        let longest = vec![b'x'; MOST_PLAINTEXT];
        let first = encrypt(&subscription(), &longest, &mut random).unwrap();
        let second = encrypt(&subscription(), &longest, &mut random).unwrap();
        assert_eq!(first.len(), RECORD);
        assert_ne!(first.get(..HEADER), second.get(..HEADER));
        assert!(encrypt(&subscription(), &vec![b'x'; MOST_PLAINTEXT + 1], &mut random).is_none());
    }
}
