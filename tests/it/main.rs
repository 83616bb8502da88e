//! tests

mod slice_view;
