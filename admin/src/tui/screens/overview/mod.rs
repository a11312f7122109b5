//! The first screen: problems with their remedy, figures, activity.

#[cfg(test)]
mod samples;
mod strings;
mod view;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::text::safe_text;
use crate::tui::parts::{Info, Overlay};
use crate::tui::screen::{Context, Screen, Step};
use crate::tui::state::{Jump, Shared};
use crate::wire::{HealthLevel, Problem};

/// The screen.
#[derive(Default)]
pub(crate) struct Overview {
    /// Index of the selected problem. May be beyond the last one, because problems disappear.
    problem: usize,
}

impl Screen for Overview {
    const NAME: &'static str = "Dashboard";
    const COMMAND: (&'static str, &'static str) = ("dashboard", "health and figures");
    const BAR: &'static [&'static str] = &["Enter remedy", "Tab", ":"];

    fn load(&mut self, cx: &mut Context<'_, Self>) {
        cx.shared.poll();
    }

    /// What it shows is loaded every few seconds anyway.
    fn enter(&mut self, cx: &mut Context<'_, Self>) {
        if cx.shared.status.is_none() {
            cx.shared.poll();
        }
    }

    fn open(&mut self, cx: &mut Context<'_, Self>) {
        if let Some(problem) = self.selected(cx.shared) {
            cx.shared.jump = Some(Jump { area: problem.area.clone(), otherwise: explain(problem) });
        }
    }

    fn step(&mut self, step: Step, cx: &mut Context<'_, Self>) {
        let last = problems(cx.shared).count().saturating_sub(1);
        self.problem = step.from(self.problem.min(last), cx.shared.page_rows(), last);
    }

    fn copied(&self, shared: &Shared) -> Option<String> {
        self.selected(shared).map(|problem| format!("{} {}", problem.what, problem.remedy))
    }

    fn view(&self, frame: &mut Frame<'_>, area: Rect, shared: &Shared) {
        view::draw(frame, area, self, shared);
    }

    #[cfg(test)]
    fn sample(request: &str) -> Option<serde_json::Value> {
        samples::answer(request)
    }
}

impl Overview {
    fn selected<'a>(&self, shared: &'a Shared) -> Option<&'a Problem> {
        problems(shared).take(self.problem + 1).last()
    }
}

/// The problems worth showing: all that are not `ok`.
fn problems(shared: &Shared) -> impl Iterator<Item = &Problem> {
    let all = shared.status.iter().flat_map(|status| &status.problems);
    all.filter(|problem| problem.level != HealthLevel::Ok)
}

fn explain(problem: &Problem) -> Overlay {
    let mut lines = vec![safe_text(&problem.what)];
    if !problem.remedy.is_empty() {
        lines.extend([String::new(), strings::REMEDY.to_owned(), safe_text(&problem.remedy)]);
    }
    Overlay::Info(Info::new(strings::PROBLEMS, lines, format!("{} {}", problem.what, problem.remedy)))
}
