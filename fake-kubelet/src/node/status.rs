//! Node status: what a kubelet reports about its node, and how seldom.
//!
//! Sends: `PATCH nodes/<node>/status?timeout=10s` right after registration, at once when Ready flips, and otherwise when five
//! minutes and a delay have passed since the last one; it looks every 10.0-10.4 s (both periods are [`Heartbeats`](super::Heartbeats)'). The delay is
//! 5 min x U[-0.5, 0.5) after a change and nothing after an unchanged report (`kubelet_node_status.go`, `calculateDelay`). A failed PATCH is tried again up
//! to five times without a pause, from the second try on with a GET before it.
//!
//! The watch of its own Node tells a kubelet when somebody else has changed its conditions, as the node lifecycle controller does
//! when leases stop; the next look sees it. Where that watch is left out, the answer to each PATCH is compared with what was sent,
//! and after a gap in the lease one GET takes the watch's place.

use std::time::Duration;

use measure::Nanos;
use wire::Request;

use super::{
    Common, SeenNode,
    conditions::{Report, conditions_of, is_substantial},
    notes, object,
    registration::Found,
};
use crate::{
    action::{Action, Answer, Call, Milestone, Now},
    classes::Class,
    json::Fields,
    merge,
};

const MAX_TRIES: u8 = 5;

/// The conditions the server has, as far as the node knows.
#[derive(Debug)]
enum Acknowledged {
    /// What this process has written.
    Own(Report),
    /// What somebody else has: an earlier process of this node, or a controller.
    Foreign(Box<Fields<'static>>),
}

#[derive(Debug, Default)]
pub(super) struct StatusReports {
    due: Option<Nanos>,
    known: Option<Known>,
    /// What else of the status is not yet as this kubelet has it, since it found the Node.
    differences: Fields<'static>,
    /// A request is under way.
    busy: bool,
    /// The report in the PATCH that is under way, and whether it changes more than heartbeat times.
    sent: Option<(Report, bool)>,
    /// When an unchanged status is reported again; at once before the first report.
    next_report: Option<Nanos>,
    tries: u8,
    announced: bool,
    shutting_down: bool,
    /// The version of the Node that the last answer showed.
    version: u64,
    /// What the watch has shown since the request under way was sent.
    seen_meanwhile: Option<Box<SeenNode>>,
}

/// Both sides of the next patch. There is nothing to report on before the Node exists.
#[derive(Debug)]
struct Known {
    server: Acknowledged,
    current: Report,
}

impl Acknowledged {
    fn conditions(&self) -> Fields<'static> {
        match self {
            Acknowledged::Own(report) => report.to_json(),
            Acknowledged::Foreign(conditions) => (**conditions).clone(),
        }
    }
}

impl Known {
    fn differs(&self) -> bool {
        match &self.server {
            Acknowledged::Own(report) => !report.says_the_same_as(&self.current),
            Acknowledged::Foreign(_) => is_substantial(&self.patch()),
        }
    }

    /// What the setters of the conditions say when they change what the server has.
    fn news(&self) -> Vec<&'static str> {
        self.current.news_to(&self.server.conditions())
    }

    fn patch(&self) -> Fields<'static> {
        merge::diff(&self.server.conditions(), &self.current.to_json())
    }
}

impl StatusReports {
    pub(super) fn deadline(&self) -> Option<Nanos> {
        self.due
    }

    /// The Node exists: report at once, whether it is new or was found.
    pub(super) fn registered(
        &mut self,
        common: &mut Common,
        now: Now,
        found: Found,
        ready: bool,
        out: &mut Vec<Action>,
    ) {
        match found {
            Found::Created(report) => {
                self.known = Some(Known { server: Acknowledged::Own(report), current: report });
                if ready && !report.ready {
                    self.become_ready(now);
                }
            }
            Found::Existing { node, differences } => {
                self.compare_with(&node, now, ready);
                self.differences = differences;
            }
        }
        if self.should_report(common, now) {
            self.report(common, now, out);
        } else {
            self.announce(ready, out);
        }
    }

    /// The last thing that kept the node from being ready is done.
    pub(super) fn became_ready(&mut self, common: &mut Common, now: Now, out: &mut Vec<Action>) {
        if self.shutting_down || self.known.as_ref().is_some_and(|known| known.current.ready) {
            return;
        }
        self.become_ready(now);
        // A PATCH under way carries the old report; its answer sends the new one.
        if self.known.is_some() && !self.busy {
            self.report(common, now, out);
        }
    }

    fn become_ready(&mut self, now: Now) {
        if let Some(known) = &mut self.known {
            known.current.become_ready(now.wall);
        }
    }

    /// The node shuts down, and says so at once (`nodeshutdown_manager_linux.go`, `start`).
    pub(super) fn shut_down(&mut self, common: &mut Common, now: Now, out: &mut Vec<Action>) {
        self.shutting_down = true;
        let Some(known) = &mut self.known else { return };
        known.current.shut_down(now.wall);
        // A PATCH under way carries the old report; its answer sends the new one.
        if !self.busy {
            self.report(common, now, out);
        }
    }

    /// The lease was not renewed for so long that others may have written the node off: see what the server says.
    pub(super) fn look(&mut self, common: &Common, now: Now, out: &mut Vec<Action>) {
        if self.known.is_some() && !self.busy {
            self.tries = 0;
            self.due = None;
            self.get(common, now, out);
        }
    }

    /// The server can be reached again: it is told at once, whether or not that is due by the clock, because reports have failed
    /// meanwhile. Where reports and the watch are left out, a look takes their place.
    pub(super) fn resume(&mut self, common: &mut Common, now: Now, out: &mut Vec<Action>) {
        // Whatever was under way has no answer.
        self.busy = false;
        self.sent = None;
        self.due = None;
        if self.known.is_none() {
            return;
        }
        if common.spec.classes.has(Class::NodeStatus) {
            self.report(common, now, out);
        } else if common.spec.classes.has(Class::NodeWatches) {
            self.sleep(common, now);
        } else {
            self.look(common, now, out);
        }
    }

    pub(super) fn on_deadline(&mut self, common: &mut Common, now: Now, out: &mut Vec<Action>) {
        if self.should_report(common, now) {
            self.report(common, now, out);
        } else {
            self.sleep(common, now);
        }
    }

    /// The watch shows the node. What somebody else has changed in the conditions is found at the next look, as from the
    /// kubelet's informer; what a request under way does to it comes with its answer.
    pub(super) fn observed(&mut self, now: Now, node: &SeenNode) {
        let Some(known) = &self.known else { return };
        if node.version() <= self.version {
            return;
        }
        if self.busy {
            // The answer may be of before this.
            self.seen_meanwhile = Some(Box::new(node.clone()));
            return;
        }
        if known.server.conditions() != conditions_of(node) {
            let ready = known.current.ready;
            self.compare_with(node, now, ready);
        }
    }

    fn should_report(&self, common: &Common, now: Now) -> bool {
        let is_due =
            common.spec.classes.has(Class::NodeStatus) && self.next_report.is_none_or(|at| at <= now.at);
        is_due || self.differs()
    }

    fn differs(&self) -> bool {
        !self.differences.is_empty() || self.known.as_ref().is_some_and(Known::differs)
    }

    pub(super) fn on_answer(
        &mut self,
        common: &mut Common,
        now: Now,
        call: &Call,
        answer: &Answer,
        out: &mut Vec<Action>,
    ) {
        self.busy = false;
        match (call, answer.object::<SeenNode>()) {
            (Call::PatchNodeStatus, Some(node)) => self.accepted(common, now, &node, out),
            (Call::GetNodeForStatus, Some(node)) => {
                let ready = self.known.as_ref().is_some_and(|known| known.current.ready);
                self.compare_with(&node, now, ready);
                if self.should_report(common, now) {
                    self.patch(common, now, out);
                } else {
                    // A PATCH whose answer was lost has been carried out.
                    self.announce(ready, out);
                    self.sleep(common, now);
                }
            }
            _ => self.failed(common, now, out),
        }
        if !self.busy
            && let Some(node) = self.seen_meanwhile.take()
        {
            self.observed(now, &node);
        }
    }

    /// Takes what a Node says for what the server has.
    fn compare_with(&mut self, node: &SeenNode, now: Now, ready: bool) {
        self.version = node.version();
        let server = Acknowledged::Foreign(Box::new(conditions_of(node)));
        let mut current = Report::about(node, now.wall, ready && !self.shutting_down);
        if self.shutting_down {
            current.shut_down(now.wall);
        }
        self.known = Some(Known { server, current });
    }

    fn report(&mut self, common: &mut Common, now: Now, out: &mut Vec<Action>) {
        self.tries = 0;
        self.patch(common, now, out);
    }

    fn patch(&mut self, common: &mut Common, now: Now, out: &mut Vec<Action>) {
        let Some(known) = &mut self.known else { return };
        known.current.heartbeat = now.wall;
        for reason in known.news() {
            notes::status_is(common, reason);
        }
        let mut changes = known.patch();
        changes.extend(self.differences.clone());
        self.sent = Some((known.current, is_substantial(&changes) || !self.differences.is_empty()));
        let body = if changes.is_empty() { Fields::default() } else { [("status", changes.into())].into() };
        let path = format!("/api/v1/nodes/{}/status?timeout=10s", common.name);
        let request = Request::patch_strategic(path, body.to_text()).timeout(object::HEARTBEAT_TIMEOUT);
        let intended = self.due.take().filter(|&due| due <= now.at).unwrap_or(now.at);
        self.busy = true;
        out.push(Action::Send { call: Call::PatchNodeStatus, request, intended });
    }

    fn accepted(&mut self, common: &mut Common, now: Now, node: &SeenNode, out: &mut Vec<Action>) {
        let (Some((sent, changed)), Some(known)) = (self.sent.take(), &mut self.known) else { return };
        self.version = node.version();
        self.differences = Fields::default();
        if sent.to_json() == conditions_of(node) {
            known.server = Acknowledged::Own(sent);
        } else {
            let ready = known.current.ready;
            self.compare_with(node, now, ready);
        }
        // After a change the period is drawn from half of it to one and a half, so that a fleet that started together does
        // not report together.
        let report = common.spec.heartbeats.status_report;
        let period = if changed || self.next_report.is_none() {
            report / 2 + common.draw(&(Duration::ZERO..report))
        } else {
            report
        };
        self.next_report = Some(now.at + period);
        self.announce(sent.ready, out);
        // What has become of Ready meanwhile is not to wait.
        let is_news = |known: &Known| known.current.ready != sent.ready;
        if self.known.as_ref().is_some_and(is_news) {
            self.report(common, now, out);
        } else {
            self.sleep(common, now);
        }
    }

    /// The server has Ready as it is here.
    fn announce(&mut self, ready: bool, out: &mut Vec<Action>) {
        if ready && !self.announced {
            self.announced = true;
            out.push(Action::Reached(Milestone::NodeReady));
        }
    }

    fn failed(&mut self, common: &mut Common, now: Now, out: &mut Vec<Action>) {
        self.sent = None;
        self.tries += 1;
        if self.tries < MAX_TRIES {
            self.get(common, now, out);
        } else {
            self.sleep(common, now);
        }
    }

    fn get(&mut self, common: &Common, now: Now, out: &mut Vec<Action>) {
        self.busy = true;
        let request = object::get_node_as_heartbeat(common);
        out.push(Action::Send { call: Call::GetNodeForStatus, request, intended: now.at });
    }

    fn sleep(&mut self, common: &mut Common, now: Now) {
        let looks = common.spec.classes.has(Class::NodeStatus) || self.differs();
        self.due = looks.then(|| now.at + common.stretched(common.spec.heartbeats.status_update, 0.04));
    }
}
