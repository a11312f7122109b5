//! Each durable action, interrupted after each of its steps.

use std::time::Duration;

use super::comes_true;
use super::scenarios::{ALL, Action, Progress, Ready};
use crate::harness::{Cluster, World};

/// More steps than any action has; an action that takes more fails the test.
const STEPS_MAX: usize = 60;

/// The HTTP version of the client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Http {
    One,
    Two,
}

#[expect(clippy::disallowed_methods, reason = "a client of the server under test; the guarded one may not reach it")]
fn client(http: Http) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().tls_certs_only([]).no_proxy().timeout(Duration::from_secs(60));
    let builder = match http {
        Http::One => builder.http1_only(),
        Http::Two => builder.http2_prior_knowledge(),
    };
    builder.build().expect("these settings go together")
}

/// Sends an action's request on a new connection; aborting the task closes it.
#[expect(clippy::disallowed_methods, reason = "a client, which hangs up when its task is ended")]
pub(super) fn begin(world: &World, ready: &Ready, http: Http) -> tokio::task::JoinHandle<reqwest::Result<u16>> {
    let target = format!("{}{}", world.anyone().base(), ready.path);
    let request = client(http).request(ready.method.clone(), target);
    let mut request = match &ready.body {
        // The form of a web page.
        serde_json::Value::String(form) => request.body(form.clone()),
        json => request.json(json),
    };
    if let Some(token) = &ready.token {
        request = request.bearer_auth(token);
    }
    tokio::spawn(async move { request.send().await.map(|answer| answer.status().as_u16()) })
}

/// Waits until the server has stopped; false when the action finished before.
pub(super) async fn stops(world: &World, action: &mut tokio::task::JoinHandle<reqwest::Result<u16>>) -> bool {
    let steps = world.steps();
    tokio::select! {
        () = steps.reached() => true,
        status = action => {
            let status = status.expect("no panic").expect("an answer");
            assert_eq!(status, 200, "an action that is not interrupted succeeds");
            !steps.disarm()
        }
    }
}

async fn hangs_up_after_each_step(http: Http, version: &str) {
    let mut cluster = Cluster::of(["a.example", "b.example"]).await;
    cluster.worlds[0].counts_steps().await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    for action in ALL {
        for n in 0.. {
            assert!(n < STEPS_MAX, "{action:?} does not end");
            let ready = action.prepare(a, b, n, version).await;
            a.steps().stop_after(n);
            let mut request = begin(a, &ready, http);
            let stopped = stops(a, &mut request).await;
            if stopped {
                request.abort();
                // Gives the server time to notice that the connection is closed.
                tokio::time::sleep(Duration::from_millis(30)).await;
                a.steps().release();
            }
            if stopped && n == 0 && action.is_one_transaction() {
                // Dropped before its only write, so nothing has begun. If the server noticed the close too late, all of
                // it has happened.
                tokio::time::sleep(Duration::from_millis(200)).await;
                let progress = ready.progress(a, b).await;
                assert_ne!(progress, Progress::Half, "{action:?} in version {version}, over {http:?}: {ready:?}");
                continue;
            }
            let done = comes_true(async || ready.progress(a, b).await == Progress::Done).await;
            assert!(done, "{action:?} in version {version}, hung up after {n} steps, over {http:?}: {ready:?}");
            if !stopped {
                assert!(n > 0, "{action:?} has no step: this test would see nothing");
                break;
            }
        }
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_is_finished_when_a_client_of_http_1_hangs_up() {
    hangs_up_after_each_step(Http::One, "11").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_is_finished_when_a_client_of_http_2_hangs_up() {
    hangs_up_after_each_step(Http::Two, "12").await;
}

/// After a kill either nothing of an action has happened or all of it; all of it after its first step.
async fn is_killed_after_each_step(actions: &[Action], version: &str) {
    let mut cluster = Cluster::of(["a.example", "b.example"]).await;
    cluster.worlds[0].counts_steps().await;
    for action in actions {
        for n in 0.. {
            assert!(n < STEPS_MAX, "{action:?} does not end");
            let ready = action.prepare(&cluster.worlds[0], &cluster.worlds[1], n, version).await;
            cluster.worlds[0].steps().stop_after(n);
            let mut request = begin(&cluster.worlds[0], &ready, Http::One);
            let stopped = stops(&cluster.worlds[0], &mut request).await;
            if stopped {
                cluster.worlds[0].is_killed_and_starts_again().await;
            }
            let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
            let wanted = if stopped && n == 0 { Progress::Nothing } else { Progress::Done };
            if stopped && !action.is_resumed() {
                // A delayed event is still scheduled; sending the request again completes it.
                let again = begin(a, &ready, Http::One).await.expect("no panic").expect("an answer");
                assert_eq!(again, 200, "{action:?} after {n} steps");
                let done = comes_true(async || ready.progress(a, b).await == Progress::Done).await;
                assert!(done, "{action:?} in version {version}, killed after {n} steps: {ready:?}");
                continue;
            }
            let came = comes_true(async || ready.progress(a, b).await == wanted).await;
            assert!(came, "{action:?} in version {version}, killed after {n} steps: not {wanted:?}: {ready:?}");
            if !stopped {
                break;
            }
        }
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_is_finished_when_the_server_is_killed() {
    is_killed_after_each_step(ALL, "12").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memberships_are_the_same_in_version_11_when_the_server_is_killed() {
    is_killed_after_each_step(
        &[Action::Join, Action::Invite, Action::RejectInvite, Action::CreateRoom, Action::RegisterByLink],
        "11",
    )
    .await;
}
