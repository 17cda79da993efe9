//! Why there are no new rates: a code for machines and a sentence for people. Neither has an address or a key in
//! it.

use std::time::Duration;

use outbound::Error;
use spin_sdk::wasip3::http::types::ErrorCode;

/// Why there are no new rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchFailure {
    /// One word, always the same for the same cause.
    pub cause: &'static str,
    /// The rest, in words.
    pub detail: String,
    /// How long upstream asks not to be called.
    pub retry_after: Option<Duration>,
}

impl FetchFailure {
    /// A failure without a `Retry-After`.
    pub fn new(cause: &'static str, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into(), retry_after: None }
    }

    /// The failure for a status other than 200. `code` is CoinGecko's own, if the body has one.
    pub fn of_status(status: u16, code: Option<u64>) -> Self {
        let said = match code {
            Some(code) => format!("status {status}, code {code}"),
            None => format!("status {status}"),
        };
        let (cause, meaning) = match (status, code) {
            (_, Some(10_010 | 10_011)) => (
                "bad-key",
                "the key is of the other kind; a paid one goes with coingecko_api_key_header = x-cg-pro-api-key \
                 and coingecko_origin = https://pro-api.coingecko.com",
            ),
            (401, _) | (_, Some(10_002)) => ("bad-key", "coingecko_api_key is missing or not accepted"),
            (403, _) | (_, Some(10_005)) => {
                ("bad-key", "not allowed with this coingecko_api_key or from here")
            }
            (429, _) => ("rate-limited", "asked too often for this coingecko_api_key or from here"),
            (300..=399, _) => ("status", "redirects are not followed"),
            (500.., _) => ("status", "it fails itself"),
            _ => ("status", "is coingecko_origin CoinGecko?"),
        };
        Self::new(cause, format!("{said}: {meaning}"))
    }
}

impl From<Error> for FetchFailure {
    fn from(broken: Error) -> Self {
        match broken {
            Error::Field => {
                Self::new("bad-key", "coingecko_api_key_header names a header that may not be sent")
            }
            Error::TooLarge => Self::new("too-large", "the answer is over 1 MiB"),
            Error::Host(code) => code.into(),
        }
    }
}

impl From<ErrorCode> for FetchFailure {
    fn from(code: ErrorCode) -> Self {
        use ErrorCode::{
            ConnectionReadTimeout, ConnectionRefused, ConnectionTerminated, ConnectionTimeout,
            ConnectionWriteTimeout, DestinationIpProhibited, DestinationIpUnroutable, DestinationNotFound,
            DestinationUnavailable, DnsError, DnsTimeout, HttpProtocolError, HttpRequestDenied,
            HttpRequestUriInvalid, HttpResponseIncomplete, HttpResponseTimeout, InternalError,
            TlsAlertReceived, TlsCertificateError, TlsProtocolError,
        };
        match code {
            DnsTimeout | DnsError(_) | DestinationNotFound => {
                Self::new("name-not-found", "the name in coingecko_origin leads to no address")
            }
            ConnectionRefused | DestinationUnavailable | DestinationIpUnroutable => {
                Self::new("refused", "nobody takes connections there, or no way leads there")
            }
            ConnectionTimeout | ConnectionReadTimeout | ConnectionWriteTimeout | HttpResponseTimeout => {
                Self::new("timed-out", "no answer in time")
            }
            TlsCertificateError => Self::new("tls", "the certificate is not accepted"),
            TlsProtocolError => Self::new("tls", "no handshake: is its certificate good, and is it TLS?"),
            TlsAlertReceived(alert) => {
                Self::new("tls", format!("alert {}", alert.alert_message.unwrap_or_default()))
            }
            HttpRequestDenied | DestinationIpProhibited => {
                Self::new("denied", "the host does not let this component connect there")
            }
            HttpRequestUriInvalid => {
                Self::new("bad-origin", "the host takes coingecko_origin for no address")
            }
            ConnectionTerminated | HttpResponseIncomplete => {
                Self::new("broke-off", "the connection broke off")
            }
            HttpProtocolError => Self::new("broke-off", "the connection broke off, or it is no HTTP"),
            InternalError(Some(text)) => Self::new("other", text),
            _ => Self::new("other", "the host gives no reason that is known here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_key_is_called_so_and_so_is_every_other_status() {
        for (status, code, cause) in [
            (401, None, "bad-key"),
            (401, Some(10_002), "bad-key"),
            (403, None, "bad-key"),
            (400, Some(10_010), "bad-key"),
            (400, Some(10_011), "bad-key"),
            (429, None, "rate-limited"),
            (429, Some(1), "rate-limited"),
            (302, None, "status"),
            (404, None, "status"),
            (500, None, "status"),
            (204, None, "status"),
        ] {
            let failed = FetchFailure::of_status(status, code);
            assert_eq!(failed.cause, cause, "{status}");
            assert!(failed.detail.contains(&status.to_string()), "{failed:?}");
        }
    }

    #[test]
    fn what_stands_in_the_way_has_a_word_of_its_own() {
        use spin_sdk::wasip3::http::types::{DnsErrorPayload, TlsAlertReceivedPayload};
        let dns = DnsErrorPayload { rcode: None, info_code: None };
        let alert = TlsAlertReceivedPayload { alert_id: None, alert_message: None };
        for (code, cause) in [
            (ErrorCode::DnsError(dns), "name-not-found"),
            (ErrorCode::ConnectionRefused, "refused"),
            (ErrorCode::ConnectionTimeout, "timed-out"),
            (ErrorCode::TlsProtocolError, "tls"),
            (ErrorCode::TlsCertificateError, "tls"),
            (ErrorCode::TlsAlertReceived(alert), "tls"),
            (ErrorCode::HttpRequestDenied, "denied"),
            (ErrorCode::HttpProtocolError, "broke-off"),
            (ErrorCode::LoopDetected, "other"),
        ] {
            assert_eq!(FetchFailure::from(code).cause, cause);
        }
    }
}
