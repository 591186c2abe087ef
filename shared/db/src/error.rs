use domain::Error;
use tokio_postgres::error::SqlState;

/// Result of a query.
pub type Result<T, E = DbError> = std::result::Result<T, E>;

/// Why a query gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database could not be reached, hung up, or was too busy.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A constraint of the schema refused the write.
    #[error("constraint {name} refused the write")]
    Constraint {
        /// Name of the constraint or index.
        name: String,
        /// What the database said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The statement failed otherwise: a mistake of ours.
    #[error("the query failed")]
    Query(#[source] tokio_postgres::Error),
    /// A row held something that the program does not know.
    #[error("unexpected value in column {0}")]
    Value(&'static str),
}

impl DbError {
    /// Whether the write was refused by the constraint or unique index of that name.
    pub fn is_constraint(&self, wanted: &str) -> bool {
        matches!(self, Self::Constraint { name, .. } if name == wanted)
    }

    /// Whether the database answers, but gave this statement up because it, or its wait for a lock, took too long.
    pub fn is_out_of_time(&self) -> bool {
        let Self::Unavailable(source) = self else {
            return false;
        };
        let code = source
            .downcast_ref::<tokio_postgres::Error>()
            .and_then(tokio_postgres::Error::code);
        code.is_some_and(|code| [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE].contains(code))
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            // Without an answer of the server it is the line or the client; a closed line may work again at once.
            return if error.is_closed()
                || std::error::Error::source(&error).is_some_and(|cause| cause.is::<std::io::Error>())
            {
                Self::Unavailable(error.into())
            } else {
                Self::Query(error)
            };
        };
        if let Some(name) = db.constraint() {
            return Self::Constraint {
                name: name.to_owned(),
                source: error,
            };
        }
        let busy = [
            SqlState::QUERY_CANCELED,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::DISK_FULL,
            SqlState::OUT_OF_MEMORY,
        ];
        // Classes 08 (connection), 53 (insufficient resources), 57P (shutdown, start-up, crash of a neighbour).
        let code = db.code().code();
        if busy.contains(db.code()) || ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) {
            Self::Unavailable(error.into())
        } else {
            Self::Query(error)
        }
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) => Self::unavailable("The database", 2).because(error),
            DbError::Constraint { .. } | DbError::Query(_) | DbError::Value(_) => Self::internal(error),
        }
    }
}
