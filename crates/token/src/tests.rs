//! Tokens that are good, and every known way to make one that must not be.

mod attacks;
mod issuer;
mod rules;
mod wycheproof;
