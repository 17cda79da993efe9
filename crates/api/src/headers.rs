//! Header fields as they were sent: a list of names and values.
//!
//! Why not `http::HeaderMap`: its table of well-known names and its hashing make every `.wasm` larger, and cost a
//! request more than a search through its few fields.

/// The fields of a request.
#[derive(Debug, Default)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// Fields in the order in which they were sent.
    pub fn new(fields: Vec<(String, Vec<u8>)>) -> Self {
        Self(fields)
    }

    /// All values of `name`, in their order.
    pub fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        let named = self.0.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_slice())
    }

    /// The first value of `name`; none if it is not text.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next().and_then(text)
    }
}

/// A value of visible ASCII characters, spaces and tabs (RFC 9110, section 5.5).
pub fn text(value: &[u8]) -> Option<&str> {
    let is_text = value.iter().all(|&byte| matches!(byte, b'\t' | b' '..=b'~'));
    str::from_utf8(value).ok().filter(|_| is_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name_in_any_case_and_in_the_order_sent() {
        let field = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        let headers = Headers::new(vec![field("a", b"1"), field("B", b"2"), field("A", b"3")]);
        assert_eq!(headers.all("a").collect::<Vec<_>>(), [b"1", b"3"]);
        assert_eq!(
            (headers.first("A"), headers.first("b"), headers.first("c")),
            (Some("1"), Some("2"), None)
        );
    }

    #[test]
    fn text_is_visible_ascii_with_spaces_and_tabs() {
        assert_eq!(text(b"a b\t~"), Some("a b\t~"));
        for value in [&b"\xc3\xa4"[..], b"\n", b"\x7f", b"\0"] {
            assert_eq!(text(value), None);
        }
    }
}
