//! The programs are the files beside this one: `cargo run -p onewriter-examples --example NAME`.
//! Each checks what it has written, writes only into a folder for temporary files, and ends by itself.
