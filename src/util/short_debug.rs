//! What diagnostics may tell of types that hold a patient's data.

/// Implements `Debug` by a text that is derived from the value and tells no voxel, name or path: `$text` is an expression
/// that can be displayed, and `$value` names the value in it.
macro_rules! short_debug {
    ($($type:ty: |$value:pat_param| $text:expr;)+) => {
        $(impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $value = self;
                write!(f, "{}", $text)
            }
        })+
    };
}

pub(crate) use short_debug;
