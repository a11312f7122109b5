//! The space hierarchy, for other servers; also the summary of a single room.

use hearth_base::Result;
use hearth_domain::federation::serve::SpaceShown;
use ruma::api::federation::space::get_hierarchy;

use crate::App;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// Registers `/hierarchy`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(hierarchy)]
}

async fn hierarchy(app: App, request: Ruma<get_hierarchy::v1::Request>) -> Result<Json<SpaceShown>> {
    let (room_id, suggested_only) = (request.room_id.clone(), request.suggested_only);
    Ok(Json(app.domain.federation.serve_hierarchy(request.origin()?, room_id, suggested_only).await?))
}
