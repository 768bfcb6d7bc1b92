//! The programs are in the folders beside this file.
