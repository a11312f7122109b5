//! Foreign names, safe to print on a terminal or in a table.
