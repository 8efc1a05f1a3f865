//! Runtime of translated code.
