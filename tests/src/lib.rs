//! Harness shared by the test targets in `tests/tests`.
