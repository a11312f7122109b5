//! Long work that outlives the request that began it: `/api/v1/jobs`.

use serde::{Deserialize, Serialize};

/// Response to `GET /api/v1/jobs`: running jobs first, then the latest finished ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobList {
    /// Running jobs, then finished ones.
    pub items: Vec<Job>,
}

/// A background job. Also the response to `POST /api/v1/jobs/{id}/cancel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Identifies the job for cancelling.
    pub id: String,
    /// What the job does, for people.
    pub name: String,
    /// The current state.
    pub state: JobState,
    /// Completed share, 0 to 1.
    pub progress: f64,
    /// Current step, or the reason of a failure.
    #[serde(default)]
    pub message: String,
    /// Start time, in milliseconds since the epoch.
    pub started_ms: u64,
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waiting to start.
    Queued,
    /// In progress.
    Running,
    /// Completed.
    Done,
    /// Failed; the message has the reason.
    Failed,
    /// Cancelled on request.
    Cancelled,
}
