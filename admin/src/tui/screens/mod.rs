//! The screens, one folder each. This list is all that the rest of the dashboard knows of them.

mod appservices;
mod calls;
mod federation;
mod log;
mod overview;
mod rooms;
mod tokens;
mod users;

use super::screen::{AnyScreen, boxed};

/// The screens, in the order of their tabs and number keys. The first one is shown first.
pub(crate) fn all() -> Vec<Box<dyn AnyScreen>> {
    vec![
        boxed::<overview::Overview>(),
        boxed::<users::Users>(),
        boxed::<rooms::Rooms>(),
        boxed::<log::Log>(),
        boxed::<tokens::Tokens>(),
        boxed::<federation::Federation>(),
        boxed::<calls::Calls>(),
        boxed::<appservices::Appservices>(),
    ]
}
