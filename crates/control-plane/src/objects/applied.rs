//! What was put into a cluster, and how it is taken out again.

use std::time::Duration;

use kube::{
    Client,
    api::{DeleteParams, DynamicObject, PostParams},
    core::ApiResource,
};
use tokio::time::{Instant, sleep};

use super::{LOOK_EVERY, MANAGER, api, said};
use crate::Error;

/// A definition is gone when its objects are, and a namespace when what is in it is.
const GONE_WITHIN: Duration = Duration::from_mins(1);
/// Others write too: the apiserver itself keeps the status of flow schemas.
const TRIES: u32 = 5;

/// Objects of a profile that are in a cluster, with what was there before them.
#[derive(Debug, Default)]
pub struct Applied(Vec<One>);

#[derive(Debug)]
struct One {
    resource: ApiResource,
    namespace: Option<String>,
    name: String,
    /// None where there was nothing of this name.
    before: Option<DynamicObject>,
}

impl Applied {
    pub(super) fn add(
        &mut self,
        resource: ApiResource,
        namespace: Option<&str>,
        name: &str,
        before: Option<DynamicObject>,
    ) {
        let namespace = namespace.map(str::to_owned);
        self.0.push(One { resource, namespace, name: name.to_owned(), before });
    }

    /// Removes the objects, the last first, and makes those that had been there before what they were. What somebody else has removed
    /// meanwhile stays so. Whatever goes wrong with one, the others are removed.
    ///
    /// # Errors
    ///
    /// [`Error::Remove`] with the first that cannot be removed.
    pub async fn remove(self, client: &Client) -> Result<(), Error> {
        let mut outcome = Ok(());
        let mut deleted = Vec::new();
        for mut one in self.0.into_iter().rev() {
            match one.before.take() {
                Some(before) => outcome = outcome.and(one.restore(client, before).await),
                None => match one.delete(client).await {
                    Ok(()) => deleted.push(one),
                    failed => outcome = outcome.and(failed),
                },
            }
        }
        for one in deleted {
            outcome = outcome.and(one.gone(client).await);
        }
        outcome
    }
}

impl One {
    fn failed(&self, reason: impl Into<String>) -> Error {
        Error::Remove { what: format!("{} {}", self.resource.kind, self.name), reason: reason.into() }
    }

    async fn delete(&self, client: &Client) -> Result<(), Error> {
        let api = api(client, self.namespace.as_deref(), &self.resource);
        match api.delete(&self.name, &DeleteParams::default()).await {
            Err(error) if is_gone(&error) => Ok(()),
            outcome => outcome.map(drop).map_err(|error| self.failed(said(&error))),
        }
    }

    async fn gone(&self, client: &Client) -> Result<(), Error> {
        let api = api(client, self.namespace.as_deref(), &self.resource);
        let begin = Instant::now();
        loop {
            match api.get_metadata(&self.name).await {
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) => return Err(self.failed(said(&error))),
                Ok(_) if begin.elapsed() > GONE_WITHIN => {
                    return Err(self.failed(format!("it is still there after {GONE_WITHIN:?}")));
                }
                Ok(_) => sleep(LOOK_EVERY).await,
            }
        }
    }

    async fn restore(&self, client: &Client, mut before: DynamicObject) -> Result<(), Error> {
        let api = api(client, self.namespace.as_deref(), &self.resource);
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let mut tries = 0;
        loop {
            tries += 1;
            let now = api.get_opt(&self.name).await.map_err(|error| self.failed(said(&error)))?;
            let Some(now) = now else { return Ok(()) };
            before.metadata.resource_version = now.metadata.resource_version;
            match api.replace(&self.name, &params, &before).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.is_conflict() && tries < TRIES => {}
                Err(error) => return Err(self.failed(said(&error))),
            }
        }
    }
}

/// Whether an object is not there, or nothing of its kind: where its definition has gone before it the server answers in plain text,
/// and not with a Status.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
