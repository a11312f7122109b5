//! Long work that outlives the request that began it: `/api/v1/jobs`.

use serde::{Deserialize, Serialize};

/// Answer to `GET /api/v1/jobs`: running jobs first, then the most recent finished ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobList {
    /// The jobs.
    pub items: Vec<Job>,
}

/// One job. `POST /api/v1/jobs/{id}/cancel` answers with the job too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The job's id.
    pub id: String,
    /// What it does.
    pub name: String,
    /// Where it stands.
    pub state: JobState,
    /// Share of the work that is done, 0 to 1.
    pub progress: f64,
    /// What it is at, or why it failed.
    #[serde(default)]
    pub message: String,
    /// When it began.
    pub started_ms: u64,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its turn.
    Queued,
    /// At work.
    Running,
    /// Finished as intended.
    Done,
    /// Gave up; the message says why.
    Failed,
    /// Stopped on request.
    Cancelled,
}
