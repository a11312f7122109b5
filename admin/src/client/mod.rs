//! The admin API from the caller's side: HTTP/1.1 with JSON over the server's Unix socket.
//!
//! One connection per request: on a local socket that costs microseconds, and nothing has to be mended after the server
//! restarts. Used by the dashboard and `hearth ctl`. It does not retry; callers know better whether that is wanted.

mod error;
mod exchange;

use std::path::{Path, PathBuf};

use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{ClientError, ErrorKind};

/// Speaks to one server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client for the server behind `socket_path`. Nothing is opened yet.
    pub fn new(socket_path: impl Into<PathBuf>) -> Self {
        Self { socket: socket_path.into() }
    }

    /// Where the server is expected.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Reads; `path` comes from [`crate::wire::paths`].
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or answers something else than `T`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, None).await
    }

    /// Posts `body`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        self.ask(Method::POST, path, Some(encode(body)?)).await
    }

    /// Puts `body`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn put<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        self.ask(Method::PUT, path, Some(encode(body)?)).await
    }

    /// Deletes.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::DELETE, path, None).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<T, ClientError> {
        let (status, bytes) = exchange::exchange(&self.socket, method, path, body).await?;
        if !status.is_success() {
            return Err(error::refused(status, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|cause| error::unreadable(path, &cause))
    }
}

fn encode<B: Serialize + ?Sized>(body: &B) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(body).map_err(|cause| error::unsendable(&cause))
}

#[cfg(test)]
mod tests;
