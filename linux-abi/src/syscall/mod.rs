//! System calls: the table and the handlers.
