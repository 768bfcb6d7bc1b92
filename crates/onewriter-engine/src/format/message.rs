//! The message of a record: its template and its arguments.
