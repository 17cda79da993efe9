//! How Spin's stores keep a counter: 8 little-endian bytes on SQLite, decimal text on Redis (docs/spin.md, fact 4).
//!
//! A counter is read with an ordinary `get`, so the read can be raced against a deadline and creates nothing. Only
//! if the bytes could be either form (eight ASCII digits) does the reader have to ask the store itself.

/// A counter's stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 8 little-endian bytes.
    Bytes,
    /// Decimal text.
    Text,
}

/// The number in `stored`, and its form; `None` if it is not a counter or could be read both ways.
#[must_use]
pub fn decode(stored: &[u8]) -> Option<(i64, Form)> {
    let text = decode_text(stored);
    let bytes = <[u8; 8]>::try_from(stored).ok().map(i64::from_le_bytes);
    match (text, bytes) {
        (Some(number), None) => Some((number, Form::Text)),
        (None, Some(number)) => Some((number, Form::Bytes)),
        _ => None,
    }
}

/// The number in `stored`, as decimal text, as on Redis.
#[must_use]
pub fn decode_text(stored: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(stored).ok()?;
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

/// `number` in the form that the store uses.
#[must_use]
pub fn encode(number: i64, form: Form) -> Vec<u8> {
    match form {
        Form::Bytes => number.to_le_bytes().to_vec(),
        Form::Text => number.to_string().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_read_back() {
        for number in [0, 1, -1, 41, 9_999_999, 100_000_000, i64::MAX, i64::MIN] {
            for form in [Form::Bytes, Form::Text] {
                assert_eq!(decode(&encode(number, form)), Some((number, form)), "{number} {form:?}");
            }
        }
    }

    #[test]
    fn eight_digits_could_be_either_form() {
        assert_eq!(decode(b"12345678"), None);
        assert_eq!(decode(b"-1234567"), None);
        assert_eq!(decode(&i64::from_le_bytes(*b"12345678").to_le_bytes()), None);
    }

    #[test]
    fn anything_else_is_no_counter() {
        for stored in [&b""[..], b"x", b"+1", b"01", b" 1", b"1.0", b"{}", b"9223372036854775808"] {
            assert_eq!(decode(stored), None, "{stored:?}");
        }
    }

    /// Every way in which the bytes can be read, by the rules of either store.
    fn readings(stored: &[u8]) -> Vec<(i64, Form)> {
        let text = || {
            let text = std::str::from_utf8(stored).ok()?;
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = (1..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            let once = text == "0" || !digits.starts_with('0');
            let number: i128 = (plain && once).then(|| text.parse().ok()).flatten()?;
            Some((i64::try_from(number).ok()?, Form::Text))
        };
        let bytes = || Some((i64::from_le_bytes(stored.try_into().ok()?), Form::Bytes));
        text().into_iter().chain(bytes()).collect()
    }

    proptest! {
        #[test]
        fn bytes_are_a_counter_where_they_can_be_read_in_one_way_only(
            stored in prop_oneof![proptest::collection::vec(any::<u8>(), 0..12), "[-+0-9]{0,21}".prop_map(String::into_bytes)],
        ) {
            let only = match readings(&stored)[..] {
                [only] => Some(only),
                _ => None,
            };
            prop_assert_eq!(decode(&stored), only);
        }
    }
}
