//! Transcendental functions.
