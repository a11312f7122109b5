//! Long work: `/api/v1/jobs`.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use hearth_admin::wire::{Job, JobList, JobState, paths};
use hearth_domain::admin::jobs;

use super::answer::AdminAnswer;
use super::{Caller, Context};

pub(super) fn routes() -> Router<Context> {
    Router::new().route(paths::JOBS, get(list)).route(paths::JOB_CANCEL, post(cancel))
}

async fn list(State(context): State<Context>) -> Json<JobList> {
    Json(JobList { items: context.app.domain.admin.jobs.list().into_iter().map(shown).collect() })
}

async fn cancel(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> AdminAnswer<Job> {
    Ok(Json(shown(context.app.domain.actions.admin_cancel_job(&caller.name, &id).await?)))
}

fn shown(job: jobs::Job) -> Job {
    let state = match job.state {
        jobs::State::Running => JobState::Running,
        jobs::State::Done => JobState::Done,
        jobs::State::Failed => JobState::Failed,
        jobs::State::Cancelled => JobState::Cancelled,
    };
    let jobs::Job { id, name, progress, message, started_ms, .. } = job;
    Job { id: id.to_string(), name: name.to_owned(), state, progress, message, started_ms }
}
