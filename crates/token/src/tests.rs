//! Tokens that are good, and every known way to make one that must not be.

mod attacks;
mod fuzz;
mod issuer;
mod rules;
mod wycheproof;
