//! What the server is told to do wrong, and to which requests.

use std::time::Duration;

use http::Method;

use crate::log::Logged;
use crate::pace::Pace;
use crate::query;
use crate::refusal::Refusal;
use crate::resource::Target;

/// Something done to a request that matches.
#[derive(Clone, Debug)]
pub enum Action {
    /// Answer with this refusal.
    Refuse(Refusal),
    /// Wait, then go on with the next rule that matches, or as usual.
    Delay(Duration),
    /// Answer as usual, at this pace.
    Pace(Pace),
    /// Never answer.
    Hang,
    /// Reset the stream with this HTTP/2 error code, without headers.
    Reset(h2::Reason),
    /// Answer as usual, and let the connection take no more requests (GOAWAY).
    GoAway,
    /// Close the connection without a word.
    Close,
    /// Send headers and this much of the body, then reset the stream with `INTERNAL_ERROR`.
    BreakBody {
        /// Bytes of the body that still arrive.
        after: usize,
    },
    /// Send the body in pieces of so many bytes with a pause after each, as through a path that is overloaded; of a watch, its
    /// events.
    Trickle {
        /// Bytes of a piece.
        piece: usize,
        /// Time between pieces.
        pause: Duration,
    },
    /// Compress the body, however short, and a watch too: what a proxy may do.
    Gzip,
    /// Say that the body is gzip, which it is not.
    MislabelAsGzip,
    /// For a watch: end its stream after so many bytes, wherever in an event that is.
    Truncate {
        /// Bytes that still arrive.
        after: usize,
    },
    /// For a watch: cut its stream into chunks of these sizes, over and over.
    Chop(Vec<usize>),
    /// For a watch: after so many events send an ERROR event with this refusal, and end.
    ErrorEvent {
        /// Events sent before it.
        after: usize,
        /// The status in it.
        refusal: Refusal,
    },
    /// For a watch: end normally after so many events.
    EndWatch {
        /// Events sent before the end.
        after: usize,
    },
}

/// An action and the requests it is for: any, unless narrowed.
#[derive(Clone, Debug)]
pub struct Rule {
    action: Action,
    method: Option<Method>,
    path: Option<String>,
    collection: Option<&'static str>,
    parameter: Option<(String, String)>,
    watch: Option<bool>,
    common_name: Option<String>,
    times: Option<usize>,
}

impl Rule {
    /// An action for every request.
    pub fn new(action: Action) -> Self {
        Self {
            action,
            method: None,
            path: None,
            collection: None,
            parameter: None,
            watch: None,
            common_name: None,
            times: None,
        }
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only requests whose path starts like this.
    #[must_use]
    pub fn path(mut self, prefix: impl Into<String>) -> Self {
        self.path = Some(prefix.into());
        self
    }

    /// Only requests for a collection itself, such as `pods` of any namespace: creations and lists, and nothing of a single object.
    #[must_use]
    pub fn collection(mut self, plural: &'static str) -> Self {
        self.collection = Some(plural);
        self
    }

    /// Only requests with this query parameter.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameter = Some((name.into(), value.into()));
        self
    }

    /// Only watches.
    #[must_use]
    pub fn watches(mut self) -> Self {
        self.watch = Some(true);
        self
    }

    /// Only what is no watch.
    #[must_use]
    pub fn no_watches(mut self) -> Self {
        self.watch = Some(false);
        self
    }

    /// Only requests of the client certificate with this common name.
    #[must_use]
    pub fn common_name(mut self, name: impl Into<String>) -> Self {
        self.common_name = Some(name.into());
        self
    }

    /// Only the first so many requests that match.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, request: &Logged) -> bool {
        self.times != Some(0)
            && self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.path.as_ref().is_none_or(|prefix| request.path.starts_with(prefix))
            && self.collection.is_none_or(|plural| {
                Target::parse(&request.path)
                    .is_some_and(|target| target.name.is_none() && target.resource.plural == plural)
            })
            && self.watch.is_none_or(|watch| watch == request.is_watch())
            && self.common_name.as_deref().is_none_or(|name| name == request.common_name())
            && self
                .parameter
                .as_ref()
                .is_none_or(|(name, value)| query::parameter(&request.query, name).as_deref() == Some(value))
    }
}

/// The rules, in the order they were given.
#[derive(Debug, Default)]
pub(crate) struct Script(Vec<Rule>);

impl Script {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is to be done to a request: delays first to last, then at most one other action.
    pub(crate) fn for_request(&mut self, request: &Logged) -> Vec<Action> {
        let mut actions = Vec::new();
        for rule in &mut self.0 {
            if !rule.matches(request) {
                continue;
            }
            if let Some(times) = &mut rule.times {
                *times -= 1;
            }
            actions.push(rule.action.clone());
            if !matches!(rule.action, Action::Delay(_)) {
                break;
            }
        }
        actions
    }
}
