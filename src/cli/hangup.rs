//! SIGHUP: a request to reload, or the end of the terminal in which the server was started.

use std::io::IsTerminal;
use std::time::Duration;

/// How often to look whether the terminal is gone, and the time between.
const LOOKS: usize = 25;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Tells the two meanings of SIGHUP apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hangup {
    /// The standard streams that were terminals at the start.
    terminals: [bool; 3],
    /// The signal was ignored at the start: `nohup` asks the program to outlive its terminal.
    outlives: bool,
}

fn terminals() -> [bool; 3] {
    [std::io::stdin().is_terminal(), std::io::stdout().is_terminal(), std::io::stderr().is_terminal()]
}

impl Hangup {
    /// Notes how the program was started. Call before anything handles SIGHUP.
    pub(super) fn at_start() -> Self {
        Self { terminals: terminals(), outlives: is_ignored() }
    }

    /// Whether a terminal of the program is gone, as when an SSH session ends. A terminal that was closed is none any more.
    ///
    /// Looks again for half a second: Linux sends the signal first and closes the terminal then. Without a terminal, as under
    /// systemd, the answer is there at once.
    pub(super) async fn terminal_is_gone(self) -> bool {
        if self.outlives || self.terminals == [false; 3] {
            return false;
        }
        for _ in 0..LOOKS {
            if self.terminals.iter().zip(terminals()).any(|(before, now)| *before && !now) {
                return true;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        false
    }
}

/// Whether this process ignores SIGHUP, the first bit of the mask of ignored signals.
fn is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
