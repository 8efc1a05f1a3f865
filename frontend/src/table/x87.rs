//! X87 rows of the instruction table.
super::section! {}
