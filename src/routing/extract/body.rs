use kvstore_protocol::{Body, CommandError};

use super::{ArgCount, ArgCursor, FromCommand};

/// The last argument as a stream: while it is received, where the server
/// [streams it in](crate::server::Serve::stream_in), else from memory. It is the last extractor that takes arguments.
///
/// # Examples
/// ```
/// use kvstore::{
///     protocol::{Body, Command, CommandError},
///     routing::{AnyError, Key, Router},
/// };
/// use tokio::io::AsyncReadExt;
/// use tower::ServiceExt;
///
/// /// `CHECKSUM name data`: the sum of the bytes, however many, in a buffer of 4 KiB.
/// async fn checksum(_: Key, mut data: Body) -> Result<u64, AnyError> {
///     let (mut sum, mut buffer) = (0, [0; 4096]);
///     loop {
///         match data.read(&mut buffer).await? {
///             0 => return Ok(sum),
///             read => sum += buffer[..read].iter().map(|byte| u64::from(*byte)).sum::<u64>(),
///         }
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("CHECKSUM", checksum);
/// let command = Command::new("CHECKSUM").arg("name").arg(&[1, 2, 3]);
/// assert_eq!(router.oneshot(command).await, Ok(6.into()));
/// # });
/// ```
impl<S> FromCommand<S> for Body {
    type Rejection = CommandError;

    const ARGS: ArgCount = ArgCount::exactly(1);

    fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, CommandError> {
        let is_there = !args.is_empty();
        // A layer in front of the handler may have taken it.
        let missing = || if is_there { CommandError::err("the value was taken already") } else { CommandError::SYNTAX };
        args.take_body().ok_or_else(missing)
    }
}
