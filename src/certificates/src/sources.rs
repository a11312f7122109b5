//! The sources of one server: each once, however many listeners use it.

use std::future::Future;
use std::sync::Arc;

use hearth_base::config::{CertificateSource, Config, Tls};
use hearth_base::{Result, Seams};

use crate::{Acme, Answers, CertSource, Files, Lan};

/// All sources of a server's certificates.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<(Tls, Arc<Files>)>,
    acme: Option<Arc<Acme>>,
    lan: Option<Arc<Lan>>,
}

impl Sources {
    /// Opens the sources that the listeners of the configuration use.
    ///
    /// # Errors
    /// When a certificate cannot be read, or does not belong to its key.
    pub fn open(config: &Config, seams: &Seams) -> Result<Self> {
        let mut sources = Self::default();
        let names = config.certificate_names();
        for tls in config.listeners.iter().filter_map(|listener| listener.tls.as_ref()) {
            match tls.source {
                CertificateSource::Files if sources.file(tls).is_none() => {
                    let files = Files::load(tls, names.clone(), Arc::clone(&seams.clock))?;
                    sources.files.push((tls.clone(), Arc::new(files)));
                }
                CertificateSource::Acme if sources.acme.is_none() => {
                    sources.acme = Some(Arc::new(Acme::open(config, seams.clone())?));
                }
                CertificateSource::SelfSigned if sources.lan.is_none() => {
                    sources.lan = Some(Arc::new(Lan::open(config.certificates_dir(), &names, seams.clone())?));
                }
                CertificateSource::Files | CertificateSource::Acme | CertificateSource::SelfSigned => {}
            }
        }
        Ok(sources)
    }

    fn file(&self, tls: &Tls) -> Option<&Arc<Files>> {
        self.files.iter().find(|(known, _)| known == tls).map(|(_, files)| files)
    }

    /// The source of a listener with these settings; `None` for settings that [`Sources::open`] has not seen.
    #[must_use]
    pub fn of(&self, tls: &Tls) -> Option<Arc<dyn CertSource>> {
        match tls.source {
            CertificateSource::Files => self.file(tls).map(|files| Arc::clone(files) as _),
            CertificateSource::Acme => self.acme.as_ref().map(|acme| Arc::clone(acme) as _),
            CertificateSource::SelfSigned => self.lan.as_ref().map(|lan| Arc::clone(lan) as _),
        }
    }

    /// All sources.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<dyn CertSource>> {
        let files = self.files.iter().map(|(_, files)| Arc::clone(files) as Arc<dyn CertSource>);
        let acme = self.acme.iter().map(|acme| Arc::clone(acme) as _);
        files.chain(acme).chain(self.lan.iter().map(|lan| Arc::clone(lan) as _)).collect()
    }

    /// The proofs that an authority asks the listeners for.
    #[must_use]
    pub fn answers(&self) -> Option<Arc<Answers>> {
        self.acme.as_ref().map(|acme| acme.answers())
    }

    /// The certificate of the LAN, if there is one.
    #[must_use]
    pub fn lan(&self) -> Option<&Lan> {
        self.lan.as_deref()
    }

    /// Whether there is something for [`Sources::run`] to do.
    #[must_use]
    pub fn orders(&self) -> bool {
        self.acme.is_some()
    }

    /// Orders certificates until `stop` is ready.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        if let Some(acme) = &self.acme {
            acme.run(stop).await;
        }
    }
}
