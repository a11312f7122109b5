//! Client of the admin API: HTTP/1.1 with JSON over the server's Unix socket.
//!
//! Uses one connection per request. On a local socket that costs microseconds, and there is no connection to
//! re-establish after a server restart. It does not retry; the caller knows whether that is safe.

mod error;
mod exchange;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{ClientError, ErrorKind};

/// A client for one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// Creates a client for the server at `socket_path`. Opens no connection.
    pub fn new(socket_path: impl Into<PathBuf>) -> Self {
        Self { socket: socket_path.into() }
    }

    /// The path of the server's socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends a GET request. `path` comes from [`crate::wire::paths`].
    ///
    /// # Errors
    /// If the server cannot be reached, returns an error, or returns something other than `T`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.request(Method::GET, path, None).await
    }

    /// Sends a POST request.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        self.request(Method::POST, path, Some(encode(body)?)).await
    }

    /// Sends a PUT request.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn put<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        self.request(Method::PUT, path, Some(encode(body)?)).await
    }

    /// Sends a DELETE request.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.request(Method::DELETE, path, None).await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<T, ClientError> {
        let bytes = self.send(method, path, body).await?;
        decode(path, &bytes)
    }

    /// Sends a request with an encoded body and returns the body of a successful response.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Bytes, ClientError> {
        let (status, bytes) = exchange::exchange(&self.socket, method, path, body).await?;
        if status.is_success() { Ok(bytes) } else { Err(error::refused(status, &bytes)) }
    }
}

/// Encodes a request body as JSON.
pub(crate) fn encode<B: Serialize + ?Sized>(body: &B) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(body).map_err(|cause| error::unsendable(&cause))
}

/// Decodes the response to `path`.
pub(crate) fn decode<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|cause| error::unreadable(path, &cause))
}

#[cfg(test)]
mod tests;
