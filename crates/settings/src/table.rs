//! Every setting that a component reads.

use crate::{HeaderName, HeaderValue, Integer, OneOf, Origin, PublicUrl, Secret, Setting, Url};

const YEAR_SECONDS: u64 = 31_536_000;

/// Where the bank keeps its state.
pub const STORE: Setting<OneOf<'static>> = Setting::new("store", OneOf(&["kv", "redis"]), "kv");
/// The Redis of `store = redis`.
pub const REDIS_URL: Setting<Url<'static>> = Setting {
    secret: true,
    ..Setting::new("redis_url", Url(&["redis", "rediss"]), "redis://localhost:6379")
};
/// How many replicas must have a write before it is acknowledged.
pub const REDIS_WAIT_REPLICAS: Setting<Integer> =
    Setting::new("redis_wait_replicas", Integer { from: 0, to: 10 }, "0");
/// How long a request may wait for storage, in all.
pub const STORAGE_DEADLINE_MS: Setting<Integer> =
    Setting::new("storage_deadline_ms", Integer { from: 1, to: 600_000 }, "500");
/// Where rates come from.
pub const COINGECKO_ORIGIN: Setting<Origin<'static>> =
    Setting::new("coingecko_origin", Origin(&["http", "https"]), "https://api.coingecko.com");
/// The API key for CoinGecko.
pub const COINGECKO_API_KEY: Setting<HeaderValue> =
    Setting { secret: true, or_empty: true, ..Setting::new("coingecko_api_key", HeaderValue, "") };
/// The header that it is sent in.
pub const COINGECKO_API_KEY_HEADER: Setting<HeaderName> =
    Setting::new("coingecko_api_key_header", HeaderName, "x-cg-demo-api-key");
/// How long rates are fresh.
pub const RATES_TTL_SECONDS: Setting<Integer> =
    Setting::new("rates_ttl_seconds", Integer { from: 1, to: YEAR_SECONDS }, "60");
/// How old rates may be when they stand in for fresh ones.
pub const RATES_MAX_STALE_SECONDS: Setting<Integer> =
    Setting::new("rates_max_stale_seconds", Integer { from: 0, to: YEAR_SECONDS }, "86400");
/// Whether a header or a token names the user.
pub const AUTH: Setting<OneOf<'static>> = Setting::new("auth", OneOf(&["header", "jwt"]), "header");
/// The `iss` of every token.
pub const JWT_ISSUER: Setting<PublicUrl<'static>> =
    Setting { or_empty: true, ..Setting::new("jwt_issuer", PublicUrl(&["http", "https"]), "") };
/// One `aud` of every token.
pub const JWT_AUDIENCE: Setting<HeaderValue> =
    Setting { or_empty: true, ..Setting::new("jwt_audience", HeaderValue, "") };
/// Where the issuer's keys are, if not where its discovery document says.
pub const JWT_JWKS_URL: Setting<PublicUrl<'static>> =
    Setting { or_empty: true, ..Setting::new("jwt_jwks_url", PublicUrl(&["http", "https"]), "") };
/// The key of HS256, in place of an issuer's keys.
pub const JWT_SECRET: Setting<Secret> =
    Setting { secret: true, or_empty: true, ..Setting::new("jwt_secret", Secret(32), "") };
/// Which claim is the user.
pub const JWT_USER_CLAIM: Setting<HeaderValue> = Setting::new("jwt_user_claim", HeaderValue, "sub");
/// Whether a token must carry the scope that a route requires.
pub const JWT_SCOPES: Setting<OneOf<'static>> = Setting::new("jwt_scopes", OneOf(&["off", "on"]), "off");
/// The client id that pages sign users in with.
pub const OIDC_CLIENT_ID: Setting<HeaderValue> =
    Setting { or_empty: true, ..Setting::new("oidc_client_id", HeaderValue, "") };
/// How much gets into the log.
pub const LOG_LEVEL: Setting<OneOf<'static>> =
    Setting::new("log_level", OneOf(&["error", "warn", "info", "debug"]), "info");
