//! Long-running jobs: `/api/v1/jobs`.

use hearth_admin::wire::{Job, JobList, JobState, paths};
use hearth_base::Result;
use hearth_domain::admin::jobs;
use http::Method;

use super::endpoint;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, paths::JOBS, list), endpoint(Method::POST, paths::JOB_CANCEL, cancel)]
}

async fn list(app: App, _: Call) -> Result<Json<JobList>> {
    Ok(Json(JobList { items: app.domain.admin.jobs.list().into_iter().map(shown).collect() }))
}

async fn cancel(app: App, call: Call) -> Result<Json<Job>> {
    let caller = call.operator()?;
    Ok(Json(shown(app.domain.actions.admin_cancel_job(&caller.name, call.param(0)).await?)))
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
