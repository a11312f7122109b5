//! Certificates in files, which the operator or another program replaces.

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use hearth_base::config::Tls;
use hearth_base::limits::server::TLS_LOOK_EVERY;
use hearth_base::{Clock, Error, Result};
use parking_lot::Mutex;

use crate::{CertSource, Certificate, Facts, Report};

/// A certificate that is read again when its files change.
pub struct Files {
    files: Tls,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    loaded: Mutex<Loaded>,
}

struct Loaded {
    certificate: Arc<Certificate>,
    written: [Option<SystemTime>; 2],
    looked: Instant,
    /// Why the files that are there now are not in use.
    failure: Option<String>,
}

impl Files {
    /// Reads both files. `names` are those that the certificate should have.
    ///
    /// # Errors
    /// When one cannot be read, or the key is not that of the certificate.
    pub fn load(files: &Tls, names: Vec<String>, clock: Arc<dyn Clock>) -> Result<Self> {
        let (written, certificate) = (written(files), Arc::new(read(files)?));
        for flaw in certificate.facts.faults(&names, clock.now_ms()) {
            tracing::warn!(file = %files.certificate_file.display(), "The certificate has a fault: {flaw}.");
        }
        let loaded = Loaded { certificate, written, looked: Instant::now(), failure: None };
        Ok(Self { files: files.clone(), names, clock, loaded: Mutex::new(loaded) })
    }

    /// Takes up changed files. When they cannot be used, the old certificate stays.
    fn look(&self, loaded: &mut Loaded) {
        loaded.looked = Instant::now();
        let written = written(&self.files);
        if written == loaded.written {
            return;
        }
        let file = self.files.certificate_file.display();
        match self.newer(&loaded.certificate.facts) {
            Ok(certificate) => {
                tracing::info!(%file, "Took up a new certificate.");
                *loaded = Loaded { certificate: Arc::new(certificate), written, looked: loaded.looked, failure: None };
            }
            // The two files are rarely written at the same instant; the next look tries again.
            Err(error) => {
                let text = error.to_string();
                if loaded.failure.as_ref() != Some(&text) {
                    tracing::warn!(%file, error = text, "The new certificate cannot be used; the old one stays.");
                }
                loaded.failure = Some(text);
            }
        }
    }

    fn newer(&self, old: &Facts) -> Result<Certificate> {
        let new = read(&self.files)?;
        match new.facts.may_replace(Some(old), &self.names, self.clock.now_ms()) {
            Ok(()) => Ok(new),
            Err(why) => Err(Error::broken(format!("the new certificate is worse than the one in use: {why}"))),
        }
    }
}

impl CertSource for Files {
    fn current(&self) -> Option<Arc<Certificate>> {
        let mut loaded = self.loaded.lock();
        if loaded.looked.elapsed() >= TLS_LOOK_EVERY {
            self.look(&mut loaded);
        }
        Some(Arc::clone(&loaded.certificate))
    }

    fn report(&self) -> Report {
        let loaded = self.loaded.lock();
        Report {
            source: "files",
            place: self.files.certificate_file.display().to_string(),
            missing: loaded.certificate.facts.missing(&self.names),
            facts: Some(Arc::clone(&loaded.certificate.facts)),
            failure: loaded.failure.clone(),
            ..Report::default()
        }
    }

    fn renew(&self) -> Result<String> {
        let mut loaded = self.loaded.lock();
        let before = Arc::clone(&loaded.certificate);
        self.look(&mut loaded);
        let file = self.files.certificate_file.display();
        match &loaded.failure {
            Some(why) => Err(Error::invalid(format!("{file} stays as it was read: {why}."))),
            None if Arc::ptr_eq(&before, &loaded.certificate) => Ok(format!("{file} has not changed.")),
            None => Ok(format!("{file} was read again.")),
        }
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Files").field(&self.files.certificate_file).finish()
    }
}

/// Reads a certificate and its key, for `check-config`.
///
/// # Errors
/// When one cannot be read, or the key is not that of the certificate.
pub fn examine(files: &Tls) -> Result<Arc<Facts>> {
    read(files).map(|certificate| certificate.facts)
}

/// Modification times of both files; `None` for a missing file.
fn written(files: &Tls) -> [Option<SystemTime>; 2] {
    [&files.certificate_file, &files.key_file].map(|path| std::fs::metadata(path).and_then(|it| it.modified()).ok())
}

fn read(files: &Tls) -> Result<Certificate> {
    let content =
        |path: &Path| std::fs::read(path).map_err(|error| Error::fault(format!("reading {}", path.display()), error));
    let (chain, key) = (content(&files.certificate_file)?, content(&files.key_file)?);
    Certificate::from_pem(&chain, &key).map_err(|error| {
        let (certificate, key) = (files.certificate_file.display(), files.key_file.display());
        Error::fault(format!("using the certificate {certificate} with the key {key}"), error)
    })
}

#[cfg(test)]
mod tests {
    use hearth_base::clock::SystemClock;
    use rcgen_acme::{CertificateParams, KeyPair};

    use super::*;

    fn write(tls: &Tls, names: &[&str], expired: bool) -> KeyPair {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        if expired {
            params.not_after = rcgen_acme::date_time_ymd(2020, 1, 1);
            params.not_before = rcgen_acme::date_time_ymd(2019, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        std::fs::write(&tls.certificate_file, params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(&tls.key_file, key.serialize_pem()).unwrap();
        key
    }

    #[test]
    fn only_a_certificate_that_is_no_worse_is_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let tls = Tls { certificate_file: at("c"), key_file: at("k"), ..Tls::default() };
        write(&tls, &["a.b", "c.d"], false);
        let names = vec!["a.b".to_owned(), "c.d".to_owned()];
        let files = Files::load(&tls, names, Arc::new(SystemClock)).unwrap();
        let first = files.current().unwrap().facts.fingerprint.clone();
        let refused = |files: &Files| {
            // Modification times may be as coarse as a clock tick.
            files.loaded.lock().written = [None, None];
            let why = files.renew().unwrap_err().to_string();
            assert_eq!(files.current().unwrap().facts.fingerprint, first, "{why}");
            assert!(files.report().failure.is_some());
            why
        };
        write(&tls, &["a.b"], false);
        assert!(refused(&files).contains("it is not for c.d"));
        write(&tls, &["a.b", "c.d"], true);
        assert!(refused(&files).contains("it has expired"));
        std::fs::write(&tls.key_file, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(refused(&files).contains("not that of the certificate"));
        std::fs::write(&tls.certificate_file, "junk").unwrap();
        refused(&files);
        std::fs::remove_file(&tls.certificate_file).unwrap();
        refused(&files);
        write(&tls, &["a.b", "c.d", "e.f"], false);
        files.loaded.lock().written = [None, None];
        files.renew().unwrap();
        assert_ne!(files.current().unwrap().facts.fingerprint, first);
        assert_eq!(files.report().failure, None);
    }
}
