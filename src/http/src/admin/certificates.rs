//! The certificates of the listeners: `/api/v1/certificates`.

use std::sync::Arc;

use hearth_admin::wire::{Certificate, CertificateList, CertificatesRenewed, Problem, paths};
use hearth_base::Result;
use http::Method;

use super::{HostInfo, endpoint};
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

/// The certificates of the process around the domain.
pub trait HostCertificates: Send + Sync {
    /// All of them.
    fn list(&self) -> Vec<Certificate>;

    /// What needs attention.
    fn problems(&self) -> Vec<Problem>;

    /// Looks for new ones at once. Returns what happens next.
    ///
    /// # Errors
    /// When there is nothing to renew, or the authority must not be asked yet.
    fn renew(&self) -> Result<Vec<String>>;
}

pub(super) fn endpoints(around: &Arc<HostInfo>) -> Vec<Endpoint> {
    let (lists, renews) = (Arc::clone(around), Arc::clone(around));
    vec![
        endpoint(Method::GET, paths::CERTIFICATES, move |_, _| list(Arc::clone(&lists))),
        endpoint(Method::POST, paths::CERTIFICATES_RENEW, move |app, call| renew(app, call, Arc::clone(&renews))),
    ]
}

async fn list(around: Arc<HostInfo>) -> Result<Json<CertificateList>> {
    Ok(Json(CertificateList { items: around.certificates.list() }))
}

async fn renew(app: App, call: Call, around: Arc<HostInfo>) -> Result<Json<CertificatesRenewed>> {
    let caller = call.operator()?;
    let messages = around.certificates.renew()?;
    app.domain.actions.admin_note_renewal(&caller.name).await?;
    Ok(Json(CertificatesRenewed { messages }))
}

/// A process without listeners.
#[cfg(test)]
impl HostCertificates for () {
    fn list(&self) -> Vec<Certificate> {
        Vec::new()
    }

    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    fn renew(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}
