//! Supported versions of the client-server API, and unstable features.

use hearth_base::Result;
use ruma::api::client::discovery::get_supported_versions as versions;

use crate::App;
use crate::route::{Endpoint, Ruma};

/// Supported versions of the specification. The early ones too, as clients look for the very version that brought a
/// feature: Element iOS loads members lazily only where it finds r0.5.0, and demands an identity server without r0.6.0.
const VERSIONS: &[&str] = &[
    "r0.0.1", "r0.1.0", "r0.2.0", "r0.3.0", "r0.4.0", "r0.5.0", "r0.6.0", "r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4",
    "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12", "v1.13", "v1.14", "v1.15", "v1.16", "v1.17",
    "v1.18", "v1.19",
];

/// Supported proposals that are not part of the specification, or not under these names.
pub(crate) const UNSTABLE_FEATURES: &[&str] = &[
    // Simplified sliding sync (MSC4186); Element X refuses a server without it.
    "org.matrix.simplified_msc3575",
    // Dehydrated devices.
    "org.matrix.msc3814",
    // Deleting account data.
    "org.matrix.msc3391",
    // Pages of messages by the relations of the events.
    "org.matrix.msc3874",
    // Pushers that can be switched off.
    "org.matrix.msc3881",
    // Settings of a device's notifications go with the device.
    "org.matrix.msc3890",
    // Filters of invites, by user and server.
    "org.matrix.msc4155",
    // Subscriptions to threads; their extension of sliding sync (MSC4308) comes with them.
    "org.matrix.msc4306",
    // Profiles by sliding sync. With it, Element X shows and sets the status of users (MSC4426).
    "org.matrix.msc4262",
    // Suspending and locking, from before 1.18.
    "uk.timedout.msc4323",
    // Threads, part of 1.3: Element iOS looks at the name only.
    "org.matrix.msc3440.stable",
    // Mutual rooms, part of 1.19: matrix-js-sdk looks at the name only, and calls the unstable path.
    "uk.half-shot.msc2666.query_mutual_rooms",
];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(list).all_but_locked()]
}

async fn list(app: App, _: Ruma<versions::Request>) -> Result<versions::Response> {
    let mut response = versions::Response::new(VERSIONS.iter().map(|&version| version.to_owned()).collect());
    response.unstable_features = UNSTABLE_FEATURES.iter().map(|&name| (name.to_owned(), true)).collect();
    // Delayed events: calls refuse to start without them.
    response.unstable_features.insert("org.matrix.msc4140".to_owned(), !app.domain.delayed.longest().is_zero());
    // Group calls.
    response.unstable_features.insert("org.matrix.msc4143".to_owned(), app.domain.rtc.is_there());
    Ok(response)
}
