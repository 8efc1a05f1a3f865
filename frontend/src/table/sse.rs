//! SSE rows of the instruction table.
super::section! {}
