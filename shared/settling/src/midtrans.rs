use domain::Rupiah;
use gateway::{GatewayError, SnapOrder, SnapPage, TransactionReport};
use kv::FleetBreaker;
use runtime::{BootError, Clock, Env};

/// Midtrans, left alone by the whole fleet while it fails: a call is then answered with [`GatewayError::LeftAlone`] at once.
pub struct Midtrans {
    client: gateway::Midtrans,
    breaker: FleetBreaker,
    clock: Clock,
}

impl Midtrans {
    /// Reads the configuration of the client, and where the fleet keeps its breakers (`STATE_TABLE`).
    ///
    /// # Errors
    /// What is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let store = kv::Store::connect(env.required("STATE_TABLE")?).await;
        Ok(Self::new(
            gateway::Midtrans::from_env(env)?,
            store,
            Clock::system(),
        ))
    }

    /// A client whose breaker is that of everybody with this table.
    pub fn new(client: gateway::Midtrans, store: kv::Store, clock: Clock) -> Self {
        Self {
            client,
            breaker: FleetBreaker::new("midtrans", store),
            clock,
        }
    }

    /// See [`gateway::Midtrans::create_page`].
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn create_page(&self, order: &SnapOrder<'_>) -> Result<SnapPage, GatewayError> {
        self.guarded(self.client.create_page(order)).await
    }

    /// See [`gateway::Midtrans::status`].
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn status(&self, id: &str) -> Result<TransactionReport, GatewayError> {
        self.guarded(self.client.status(id)).await
    }

    /// See [`gateway::Midtrans::status_soon`].
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn status_soon(&self, id: &str) -> Result<TransactionReport, GatewayError> {
        self.guarded(self.client.status_soon(id)).await
    }

    /// See [`gateway::Midtrans::expire`].
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn expire(&self, id: &str) -> Result<TransactionReport, GatewayError> {
        self.guarded(self.client.expire(id)).await
    }

    /// See [`gateway::Midtrans::cancel`].
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn cancel(&self, id: &str) -> Result<TransactionReport, GatewayError> {
        self.guarded(self.client.cancel(id)).await
    }

    /// See [`gateway::Midtrans::refund`].
    ///
    /// # Errors
    /// See [`GatewayError`].
    pub async fn refund(
        &self,
        id: &str,
        key: &str,
        amount: Rupiah,
        reason: &str,
    ) -> Result<TransactionReport, GatewayError> {
        self.guarded(self.client.refund(id, key, amount, reason)).await
    }

    /// Makes a call unless the fleet leaves Midtrans alone. A refusal is an answer, too: the service works.
    async fn guarded<T>(
        &self,
        call: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, GatewayError> {
        let now = self.clock.now();
        if let Err(until) = self.breaker.lets_through(now).await {
            let seconds = u32::try_from(until.seconds_since(now) + 1).unwrap_or(1);
            return Err(GatewayError::LeftAlone { seconds });
        }
        let answer = call.await;
        match &answer {
            Err(GatewayError::Unavailable(_) | GatewayError::Malformed(_)) => {
                self.breaker.failed(self.clock.now()).await;
            }
            _ => self.breaker.succeeded().await,
        }
        answer
    }
}
