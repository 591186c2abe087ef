use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::future::ready;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;
use tower_service::Service;

/// Who knows to which numbers a name leads.
#[derive(Debug, Clone)]
pub enum Names {
    /// The resolver of the system.
    System,
    /// This table and nobody else, for tests of who may be called.
    Table(Vec<(String, Vec<IpAddr>)>),
}

impl Names {
    /// The numbers of a name; each is there at least once.
    ///
    /// # Errors
    /// If the name is not known, or nobody answers.
    pub async fn numbers_of(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System => {
                // With the final dot it is not looked for below the system's own domains.
                let full = if name.contains('.') {
                    format!("{name}.")
                } else {
                    name.to_owned()
                };
                let found = tokio::net::lookup_host((full.as_str(), 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
            Self::Table(known) => {
                let found = known.iter().find(|(known, _)| known == name);
                let found = found.map(|(_, numbers)| numbers.clone());
                found.ok_or_else(|| io::ErrorKind::NotFound.into())
            }
        }
    }
}

/// Where a client connects to.
#[derive(Clone)]
pub(crate) enum Resolver {
    /// Where the resolver of the system says.
    System(GaiResolver),
    /// Here, whatever the name.
    Pinned(Vec<IpAddr>),
}

impl Resolver {
    pub(crate) fn system() -> Self {
        Self::System(GaiResolver::new())
    }
}

impl Service<Name> for Resolver {
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::System(resolver) => resolver.poll_ready(context),
            Self::Pinned(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, name: Name) -> Self::Future {
        match self {
            Self::System(resolver) => {
                let found = resolver.call(name);
                Box::pin(async { Ok(found.await?.collect::<Vec<_>>().into_iter()) })
            }
            Self::Pinned(numbers) => {
                // The port of the request takes the place of the zero.
                let addresses = numbers.iter().map(|number| SocketAddr::new(*number, 0));
                Box::pin(ready(Ok(addresses.collect::<Vec<_>>().into_iter())))
            }
        }
    }
}
