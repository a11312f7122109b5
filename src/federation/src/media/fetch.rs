//! Fetches one file from its server (server-server API, `GET /_matrix/federation/v1/media/download/{mediaId}`), from
//! the location that the server redirects to, or from the legacy path of older servers. The file streams to disk; only
//! the current chunk is in memory.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use hearth_base::limits::federation::MEDIA_ERROR_BYTES_MAX;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::ports::{Call, Pieces, RemoteResponse};
use hearth_users::media::{CopyUpload, Described};
use ruma::api::federation::authenticated_media::get_content;
use ruma::http_headers::ContentDisposition;

use super::RemoteMediaId;
use super::multipart::{Head, Multipart, MultipartItem};
use crate::Federation;
use crate::request::{refused, whole};

/// Timeout without data, before and within a response.
const SILENCE: Duration = Duration::from_secs(30);

/// Fetches a file and stores a copy.
pub(super) async fn fetch(federation: &Federation, address: &RemoteMediaId) -> Result<()> {
    let mut request = get_content::v1::Request::new(address.id.as_str().to_owned());
    request.timeout_ms = Duration::from_millis(limits::MEDIA_WAIT_MS_DEFAULT);
    let answer = federation.ask_streamed(&address.server, request, SILENCE).await?;
    match accepted(address, answer).await {
        Ok(answer) => receive(federation, address, answer).await,
        // A server without authenticated media, from before 2024.
        Err(error) if error.reason() == Some(Reason::Unrecognized) => fetch_openly(federation, address).await,
        Err(error) => Err(error),
    }
}

/// A successful response; otherwise its error.
async fn accepted(address: &RemoteMediaId, answer: RemoteResponse) -> Result<RemoteResponse> {
    if answer.status == 200 {
        return Ok(answer);
    }
    let status = answer.status;
    let body = tokio::time::timeout(SILENCE, whole(answer, MEDIA_ERROR_BYTES_MAX)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    // A redirect, or a success status without a file.
    if status < 400 {
        return Err(refuse(
            Reason::ConnectionFailed,
            format!("{} answered {status} to a question for media.", address.server),
        ));
    }
    Err(refused(&address.server, status, &body))
}

/// The legacy path without authentication (client-server API, `GET /_matrix/media/v3/download`).
async fn fetch_openly(federation: &Federation, address: &RemoteMediaId) -> Result<()> {
    let (server, id) = (&address.server, &address.id);
    // The brackets of an IPv6 address are the only characters that a path does not allow.
    let name = server.as_str().replace('[', "%5B").replace(']', "%5D");
    // `allow_remote=false`: prevents routing loops (client-server API, "Content repository").
    let target = format!("/_matrix/media/v3/download/{name}/{id}?allow_remote=false");
    let call = Call {
        to: server.clone(),
        method: "GET".to_owned(),
        target,
        authorization: None,
        body: Bytes::new(),
        wait: SILENCE,
    };
    let answer = accepted(address, federation.network.call(call).await?).await?;
    whole_file(federation, address, answer).await
}

/// Stores a multipart response.
async fn receive(federation: &Federation, address: &RemoteMediaId, answer: RemoteResponse) -> Result<()> {
    let mut multipart = Multipart::new(answer.content_type.as_deref())?;
    let (mut pieces, mut copy) = (answer.body, None);
    while let Some(piece) = next(&mut pieces).await? {
        multipart.feed(&piece);
        while let Some(item) = multipart.next()? {
            match item {
                MultipartItem::Head(Head { location: Some(location), .. }) => {
                    return fetch_elsewhere(federation, address, location).await;
                }
                MultipartItem::Head(head) => copy = Some(begin(federation, address, head).await?),
                MultipartItem::Data(bytes) => write(copy.as_mut(), bytes).await?,
                MultipartItem::End => {}
            }
        }
        if multipart.is_complete() {
            break;
        }
    }
    match copy {
        Some(copy) if multipart.is_complete() => copy.finish().await,
        _ => Err(refuse(Reason::ConnectionFailed, format!("{} stopped in the middle of the media.", address.server))),
    }
}

async fn begin<'a>(federation: &'a Federation, address: &RemoteMediaId, head: Head) -> Result<CopyUpload<'a>> {
    let disposition = head.disposition.as_deref().and_then(|text| ContentDisposition::try_from(text.as_bytes()).ok());
    let file_name = disposition.and_then(|disposition| disposition.filename);
    let described = Described { content_type: head.content_type, file_name, bytes: None };
    federation.parts.media.begin_copy(&address.server, &address.id, described).await
}

async fn write(copy: Option<&mut CopyUpload<'_>>, bytes: Bytes) -> Result<()> {
    let copy = copy.ok_or_else(|| Error::broken("a file's bytes were read before its headers"))?;
    copy.write(bytes).await
}

/// Follows a redirect to other storage. The network refuses private addresses, because the remote server chooses the
/// target.
async fn fetch_elsewhere(federation: &Federation, address: &RemoteMediaId, location: String) -> Result<()> {
    if !location.starts_with("https://") || location.len() > limits::MEDIA_LOCATION_BYTES_MAX {
        let message = format!("{} sends us for the media to where it cannot be.", address.server);
        return Err(refuse(Reason::ConnectionFailed, message));
    }
    let answer = accepted(address, federation.network.fetch(location, SILENCE).await?).await?;
    whole_file(federation, address, answer).await
}

/// Stores a response whose body is the file.
async fn whole_file(federation: &Federation, address: &RemoteMediaId, answer: RemoteResponse) -> Result<()> {
    let head = Head { content_type: answer.content_type, ..Head::default() };
    let mut copy = begin(federation, address, head).await?;
    let mut pieces = answer.body;
    while let Some(piece) = next(&mut pieces).await? {
        copy.write(piece).await?;
    }
    copy.finish().await
}

async fn next(pieces: &mut Pieces) -> Result<Option<Bytes>> {
    let piece = tokio::time::timeout(SILENCE, pieces.next()).await;
    let piece =
        piece.map_err(|_| refuse(Reason::ConnectionFailed, "The other server fell silent within the media."))?;
    piece.transpose()
}
