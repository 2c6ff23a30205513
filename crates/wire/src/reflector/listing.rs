//! A whole list, page by page (client-go tools/pager/pager.go).

use super::WatchSpec;
use super::spec::Page;
use crate::list::List;
use crate::{Client, Error, Object, Request};

/// A complete list.
pub(super) struct Listed {
    pub(super) items: Vec<Object>,
    pub(super) resource_version: String,
    /// Whether it came in more than one page.
    pub(super) paged: bool,
}

/// Lists all there is. If a page's token has expired, the list is read once more without pages.
pub(super) async fn list(
    client: Client,
    spec: WatchSpec,
    resource_version: String,
    paged: bool,
) -> Result<Listed, Error> {
    let first = if paged { Page::First } else { Page::Whole };
    let List { mut items, resource_version: version, mut continue_token } =
        fetch(&client, &spec.list(&resource_version, first)).await?;
    let paged = !continue_token.is_empty();
    while !continue_token.is_empty() {
        match fetch(&client, &spec.list(&resource_version, Page::After(&continue_token))).await {
            Ok(mut page) => {
                items.append(&mut page.items);
                continue_token = page.continue_token;
            }
            Err(error) if error.status().is_some_and(crate::Status::is_expired) => {
                let whole = fetch(&client, &spec.list(&resource_version, Page::Whole)).await?;
                return Ok(Listed { items: whole.items, resource_version: whole.resource_version, paged });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Listed { items, resource_version: version, paged })
}

async fn fetch(client: &Client, request: &Request) -> Result<List, Error> {
    let response = client.send(request).await?;
    if response.is_success() { List::read(&response) } else { Err(Error::Status(response.status_error())) }
}
